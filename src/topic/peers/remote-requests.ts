/**
 * What was asked of workers of other nodes and is not answered, by the number that it was given on the links.
 * Answered once: by them, or since the link was reset.
 */
import { RequestError } from '../../core/errors.js';
import type { AnswerText } from '../../thread/call-text.js';
import type { FailedOp } from '../../thread/ops/failed.js';
import type { SubscribedOp } from '../../thread/ops/subscribe.js';
import type { RemoteWorker } from './remote-worker.js';

type Failure = Pick<FailedOp, 'code' | 'detail' | 'field'>;

/** Who waits for an answer; what an answer is not for, it does not have. */
export interface RemoteRequest {
  subscribed?: (op: SubscribedOp) => void;
  acked?: () => void;
  replied?: (answer: AnswerText) => void;
  failed: (failure: Failure) => void;
}

export const LINK_RESET: Failure = {
  code: 'busy',
  detail: 'the node that coordinates the subscription was lost sight of',
  field: null,
};

interface Waiting {
  worker: RemoteWorker;
  request: RemoteRequest;
}

export class RemoteRequests {
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  add(worker: RemoteWorker, request: RemoteRequest): number {
    do this.#last = Math.max(1, (this.#last + 1) >>> 0);
    while (this.#waiting.has(this.#last));
    this.#waiting.set(this.#last, { worker, request });
    return this.#last;
  }

  /** Null: none waits under that number for an answer of that worker. */
  take(worker: RemoteWorker, number: number): RemoteRequest | null {
    const waiting = this.#waiting.get(number);
    if (waiting?.worker !== worker) return null;
    this.#waiting.delete(number);
    return waiting.request;
  }

  /** Nobody will answer them. */
  reset(worker: RemoteWorker): void {
    for (const [number, waiting] of [...this.#waiting]) {
      if (waiting.worker !== worker) continue;
      this.#waiting.delete(number);
      waiting.request.failed(LINK_RESET);
    }
  }
}

export function requestError({ code, detail, field }: Failure): RequestError {
  return new RequestError(code, detail, field ?? undefined);
}
