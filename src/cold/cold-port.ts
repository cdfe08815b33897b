/**
 * The main thread's end of a topic worker's port to the cold pool: lets the pool read what is asked
 * for, and passes the packed page on without looking into it. Errors travel as ids. The worker's
 * end is log/cold-reader.ts.
 */
import type { MessagePort } from 'node:worker_threads';
import { ERRORS } from '../core/errors.js';
import type { ReadAnswer, ReadFailure, ReadRequest, ReadResult } from '../log/cold-reader.js';
import { messageOf } from '../log/log-errors.js';
import { LOG_UNREACHABLE } from '../log/log-refusal.js';
import type { ReadRange } from '../log/message-log.js';

/** Main thread: serves one worker until its port closes. `read`: ColdPool.read. */
export function serveCold(
  port: MessagePort,
  read: (range: ReadRange) => Promise<ReadResult>,
): void {
  port.on('message', ({ id, range }: ReadRequest) => {
    read(range).then(
      (result) => answer(port, { id, result }),
      (error: unknown) => answer(port, { id, result: failureOf(error) }),
    );
  });
}

function answer(port: MessagePort, message: ReadAnswer): void {
  port.postMessage(message, message.result instanceof ArrayBuffer ? [message.result] : []);
}

function failureOf(error: unknown): ReadFailure {
  const { code, detail } = LOG_UNREACHABLE;
  return { errorId: ERRORS[code].id, detail, cause: messageOf(error) };
}
