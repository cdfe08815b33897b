/**
 * The topic worker's end of the port to the cold pool: asks for pages by number. The main thread's end
 * is cold/cold-port.ts. A worker has at most OUTSTANDING_MAX reads under way; the rest wait here, in
 * order: their number is bounded by the topics and sessions that read, one page each.
 */
import type { MessagePort } from 'node:worker_threads';
import { errorCodeById, RequestError } from '../core/errors.js';
import type { LogPage, ReadRange } from './message-log.js';
import { unpackPage } from './packed-page.js';

const OUTSTANDING_MAX = 8;

/** A packed page, or why there is none. */
export type ReadResult = ArrayBuffer | ReadFailure;

export interface ReadFailure {
  /** Of core/errors. */
  errorId: number;
  detail: string;
  /** What was said, for the operator's log. */
  cause: string;
}

export interface ReadRequest {
  id: number;
  range: ReadRange;
}

export interface ReadAnswer {
  id: number;
  result: ReadResult;
}

interface WaitingRead {
  range: ReadRange;
  resolve: (page: LogPage) => void;
  reject: (error: RequestError) => void;
}

/** Reads pages of the log on the cold pool's threads. */
export class ColdReader {
  readonly #port: MessagePort;
  readonly #underWay = new Map<number, WaitingRead>();
  #waiting: WaitingRead[] = [];
  #nextId = 1;
  #state: 'open' | 'closed' = 'open';

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', (message: ReadAnswer) => this.#answered(message));
    port.on('close', () => this.#failAll());
  }

  /** Rejects with RequestError, `log_unavailable` when the pool is gone. */
  read(range: ReadRange): Promise<LogPage> {
    return new Promise((resolve, reject) => {
      if (this.#state === 'closed') reject(closedError());
      else {
        this.#waiting.push({ range, resolve, reject });
        this.#ask();
      }
    });
  }

  /** Reads that have no answer reject. */
  close(): void {
    this.#port.close();
    this.#failAll();
  }

  #ask(): void {
    while (this.#underWay.size < OUTSTANDING_MAX) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      const request: ReadRequest = { id: this.#nextId++, range: next.range };
      this.#underWay.set(request.id, next);
      this.#port.postMessage(request);
    }
  }

  #answered({ id, result }: ReadAnswer): void {
    const read = this.#underWay.get(id);
    this.#underWay.delete(id);
    this.#ask();
    if (result instanceof ArrayBuffer) read?.resolve(unpackPage(result));
    else read?.reject(errorOf(result));
  }

  #failAll(): void {
    this.#state = 'closed';
    const reads = [...this.#underWay.values(), ...this.#waiting];
    this.#underWay.clear();
    this.#waiting = [];
    for (const read of reads) read.reject(closedError());
  }
}

function errorOf({ errorId, detail, cause }: ReadFailure): RequestError {
  return new RequestError(errorCodeById(errorId), detail, undefined, { cause: new Error(cause) });
}

function closedError(): RequestError {
  return new RequestError('log_unavailable', 'the cold pool is closed');
}
