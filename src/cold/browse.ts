/**
 * The task that answers what the HTTP API shows of the log, as text that is ready to be sent. Runs in a
 * thread of piscina, on database connections of that thread.
 */
import { workerData } from 'piscina';
import { BrowseReader } from '../log/postgres/browse-reader.js';
import type { ReaderOptions } from '../log/postgres/reader-pool.js';
import { packAnswer } from '../thread/call-text.js';
import type { BrowseCall, CallAsk } from '../thread/calls.js';
import type { PoolResult } from '../thread/pool-port.js';
import { taskResult } from './task-result.js';

const reader = new BrowseReader(workerData as ReaderOptions);

export default function browse(ask: CallAsk<BrowseCall>): Promise<PoolResult> {
  return taskResult(async () => packAnswer(await reader.run(ask)));
}
