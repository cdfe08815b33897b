/**
 * The main thread's end of another thread's port to a pool (thread/pool-port.ts): lets the pool do what is
 * asked for, and passes the bytes on without looking into them. Errors travel as ids.
 */
import type { MessagePort } from 'node:worker_threads';
import { messageOf } from '../log/contract/log-errors.js';
import { LOG_UNREACHABLE } from '../log/contract/log-refusal.js';
import {
  type PoolAnswer,
  type PoolRequest,
  type PoolResult,
  poolFailure,
} from '../thread/pool-port.js';

/** Main thread: serves one thread until its port closes. `run`: ColdPool.run; `onFault`: what it threw. */
export function serveCold<Q>(
  port: MessagePort,
  run: (ask: Q) => Promise<PoolResult>,
  onFault: (error: unknown) => void,
): void {
  port.on('message', ({ id, ask }: PoolRequest<Q>) => {
    run(ask).then(
      (result) => answer(port, { id, result }),
      (error: unknown) => {
        onFault(error);
        answer(port, { id, result: unreachable(error) });
      },
    );
  });
}

function answer(port: MessagePort, message: PoolAnswer): void {
  port.postMessage(message, message.result instanceof ArrayBuffer ? [message.result] : []);
}

/** The task threw what is no RequestError, or its thread died, or the pool is closed. */
function unreachable(error: unknown): PoolResult {
  const { code, detail } = LOG_UNREACHABLE;
  return poolFailure({ code, message: detail }, messageOf(error));
}
