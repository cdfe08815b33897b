/** How a task of a pool ends: with bytes that are moved, or with an error as it changes threads. */
import { move } from 'piscina';
import { RequestError } from '../core/errors.js';
import { messageOf } from '../log/contract/log-errors.js';
import { type PoolResult, poolFailure } from '../thread/pool-port.js';

/** What is no RequestError is a bug and rejects: piscina passes it on, and the thread lives. */
export async function taskResult(work: () => Promise<ArrayBuffer>): Promise<PoolResult> {
  try {
    return move(await work()) as ArrayBuffer;
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return poolFailure(error, messageOf(error.cause ?? error));
  }
}
