/**
 * One thread's end of a port to a pool of other threads: asks by number, and is answered with bytes. At most
 * `underWayMax` asks are with the pool; the rest wait here, in order, `waitingMax` of them, and whoever
 * comes beyond that is refused at once. The main thread's end is cold/cold-port.ts.
 */
import type { MessagePort } from 'node:worker_threads';
import { ERRORS, type ErrorCode, errorCodeById, RequestError } from '../core/errors.js';

export interface PoolRequest<Q> {
  id: number;
  ask: Q;
}

/** What the pool made of it, or why it made nothing. */
export type PoolResult = ArrayBuffer | PoolFailure;

export interface PoolFailure {
  /** Of core/errors. */
  errorId: number;
  detail: string;
  field: string | null;
  /** What was said, for the operator's log. */
  cause: string;
}

export interface PoolAnswer {
  id: number;
  result: PoolResult;
}

export interface PoolPortOptions {
  underWayMax: number;
  waitingMax: number;
  /** That sets it, for the error. */
  variable?: string;
  /** After it whoever asked is told `log_unavailable`; Infinity: never. */
  answerMs: number;
}

interface Ask<Q> {
  ask: Q;
  timer: NodeJS.Timeout | null;
  resolve: (bytes: ArrayBuffer) => void;
  reject: (error: RequestError) => void;
}

export class PoolPort<Q> {
  readonly #port: MessagePort;
  readonly #options: PoolPortOptions;
  readonly #underWay = new Map<number, Ask<Q>>();
  /** In order. */
  readonly #waiting = new Set<Ask<Q>>();
  readonly #owed = new Set<Ask<Q>>();
  #nextId = 1;
  #state: 'open' | 'closed' = 'open';

  constructor(port: MessagePort, options: PoolPortOptions) {
    this.#port = port;
    this.#options = options;
    port.on('message', (message: PoolAnswer) => this.#answered(message));
    port.on('close', () => this.#failAll());
  }

  /** Asks that somebody waits for. */
  owed(): ReadonlySet<object> {
    return this.#owed;
  }

  /** Rejects with RequestError: `busy` beyond `waitingMax`, `log_unavailable` when the pool is gone. */
  ask(ask: Q): Promise<ArrayBuffer> {
    return new Promise((resolve, reject) => {
      const { waitingMax, variable, answerMs } = this.#options;
      if (this.#state === 'closed') reject(closedError());
      else if (this.#waiting.size >= waitingMax) {
        reject(new RequestError('busy', `${waitingMax} reads wait already (${variable})`));
      } else {
        const asked: Ask<Q> = { ask, timer: null, resolve, reject };
        if (answerMs !== Number.POSITIVE_INFINITY) {
          asked.timer = setTimeout(() => this.#late(asked), answerMs);
        }
        this.#waiting.add(asked);
        this.#owed.add(asked);
        this.#post();
      }
    });
  }

  /** Asks that have no answer reject. */
  close(): void {
    this.#port.close();
    this.#failAll();
  }

  #post(): void {
    for (const asked of this.#waiting) {
      if (this.#underWay.size >= this.#options.underWayMax) return;
      this.#waiting.delete(asked);
      const request: PoolRequest<Q> = { id: this.#nextId++, ask: asked.ask };
      this.#underWay.set(request.id, asked);
      this.#port.postMessage(request);
    }
  }

  #answered({ id, result }: PoolAnswer): void {
    const asked = this.#underWay.get(id);
    this.#underWay.delete(id);
    this.#post();
    if (asked === undefined || !this.#settled(asked)) return;
    if (result instanceof ArrayBuffer) asked.resolve(result);
    else asked.reject(errorOf(result));
  }

  /** One that is with the pool keeps its place there until the pool has answered. */
  #late(asked: Ask<Q>): void {
    this.#waiting.delete(asked);
    this.#settled(asked);
    asked.reject(
      new RequestError('log_unavailable', `no answer within ${this.#options.answerMs} ms`),
    );
  }

  #failAll(): void {
    this.#state = 'closed';
    this.#underWay.clear();
    this.#waiting.clear();
    for (const asked of [...this.#owed]) {
      this.#settled(asked);
      asked.reject(closedError());
    }
  }

  /** False: it was told something before. */
  #settled(asked: Ask<Q>): boolean {
    if (asked.timer !== null) clearTimeout(asked.timer);
    return this.#owed.delete(asked);
  }
}

/** An error as it changes threads. `cause`: what PostgreSQL or the driver said. */
export function poolFailure(
  error: { code: ErrorCode; message: string; field?: string | undefined },
  cause: string,
): PoolFailure {
  const { code, message: detail, field = null } = error;
  return { errorId: ERRORS[code].id, detail, field, cause };
}

function errorOf({ errorId, detail, field, cause }: PoolFailure): RequestError {
  const about = { field: field ?? undefined, cause: new Error(cause) };
  return new RequestError(errorCodeById(errorId), detail, about);
}

function closedError(): RequestError {
  return new RequestError('log_unavailable', 'the pool of reading threads is closed');
}
