/** What a directory of the main thread answers where it could not do what it was asked for. */
import { RequestError } from '../core/errors.js';
import { faultOf, messageOf } from '../log/contract/log-errors.js';
import { LOG_REFUSALS } from '../log/contract/log-refusal.js';
import { type PoolResult, poolFailure } from '../thread/pool-port.js';

/** Of the database it says what any reader of the log would. Throws what is a bug. */
export function directoryFailure(error: unknown): PoolResult {
  if (error instanceof RequestError) return poolFailure(error, messageOf(error));
  const fault = faultOf(error);
  if (fault === 'bug') throw error;
  const { code, detail } = LOG_REFUSALS[fault];
  return poolFailure({ code, message: detail }, messageOf(error));
}
