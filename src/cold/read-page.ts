/**
 * The task that reads one page of the log and packs it. Runs in a thread of piscina, on database
 * connections of that thread; the hot threads pay for none of it.
 */
import { workerData } from 'piscina';
import type { ReadRange } from '../log/contract/message-log.js';
import { packPage } from '../log/contract/packed-page.js';
import { PageReader } from '../log/postgres/page-reader.js';
import type { ReaderOptions } from '../log/postgres/reader-pool.js';
import type { PoolResult } from '../thread/pool-port.js';
import { taskResult } from './task-result.js';

const reader = new PageReader(workerData as ReaderOptions);

export default function readPage(range: ReadRange): Promise<PoolResult> {
  return taskResult(async () => packPage(await reader.read(range)));
}
