/**
 * The task that answers what the HTTP API shows of the log, as text that is ready to be sent. Runs in a
 * thread of piscina, on database connections of that thread.
 */
import { workerData } from 'piscina';
import { type BrowseAsk, packBrowsed } from '../log/contract/browsed.js';
import { BrowseReader } from '../log/postgres/browse-reader.js';
import type { ReaderOptions } from '../log/postgres/reader-pool.js';
import type { PoolResult } from '../thread/pool-port.js';
import { taskResult } from './task-result.js';

const reader = new BrowseReader(workerData as ReaderOptions);

export default function browse(ask: BrowseAsk): Promise<PoolResult> {
  return taskResult(async () => packBrowsed(await reader.run(ask)));
}
