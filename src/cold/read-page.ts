/**
 * The task of the cold pool: reads one page of the log and packs it. Runs in a thread of piscina,
 * on database connections of that thread; the hot threads pay for none of it.
 */
import { move, workerData } from 'piscina';
import { ERRORS, RequestError } from '../core/errors.js';
import type { ReadResult } from '../log/cold-reader.js';
import { messageOf } from '../log/log-errors.js';
import type { ReadRange } from '../log/message-log.js';
import { packPage } from '../log/packed-page.js';
import type { PageReaderOptions } from '../log/page-reader.js';
import { PageReader } from '../log/page-reader.js';

/** What a read ends with: a packed page, or an error as it travels between threads. */
const reader = new PageReader(workerData as PageReaderOptions);

export default async function readPage(range: ReadRange): Promise<ReadResult> {
  try {
    return move(packPage(await reader.read(range))) as ArrayBuffer;
  } catch (error) {
    if (error instanceof RequestError) {
      const { code, message: detail, cause } = error;
      return { errorId: ERRORS[code].id, detail, cause: messageOf(cause ?? error) };
    }
    throw error;
  }
}
