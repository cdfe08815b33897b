/**
 * The task that answers what the HTTP API shows of the log, as text that is ready to be sent. Runs in a
 * thread of piscina, on database connections of that thread.
 */
import { workerData } from 'piscina';
import { BrowseReader } from '../log/browse-reader.js';
import { type BrowseAsk, packBrowsed } from '../log/browsed.js';
import type { PageReaderOptions } from '../log/page-reader.js';
import type { PoolResult } from '../thread/pool-port.js';
import { taskResult } from './task-result.js';

const reader = new BrowseReader(workerData as PageReaderOptions);

export default function browse(ask: BrowseAsk): Promise<PoolResult> {
  return taskResult(async () => packBrowsed(await reader.run(ask)));
}
