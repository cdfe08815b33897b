/**
 * The port between a topic worker and the cold pool: the worker's end asks for pages by number, the
 * main thread's end lets the pool read them and passes the packed page on without looking into it.
 * Errors travel as ids. A worker has at most OUTSTANDING_MAX reads under way; the rest wait here,
 * in order: their number is bounded by the topics and sessions that read, one page each.
 */
import type { MessagePort } from 'node:worker_threads';
import type { ErrorCode } from '../core/errors.js';
import { ERRORS, errorCodeById, RequestError } from '../core/errors.js';
import type { LogPage, ReadRange } from '../log/message-log.js';
import { unpackPage } from './packed-page.js';
import type { ReadFailure, ReadResult } from './read-page.js';

const OUTSTANDING_MAX = 8;

interface ReadRequest {
  id: number;
  range: ReadRange;
}

interface ReadAnswer {
  id: number;
  result: ReadResult;
}

interface WaitingRead {
  range: ReadRange;
  resolve: (page: LogPage) => void;
  reject: (error: RequestError) => void;
}

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
  const detail = error instanceof Error ? error.message : String(error);
  return { errorId: ERRORS.log_unavailable.id, detail };
}

/** Topic worker: reads pages through the port. */
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

function errorOf({ errorId, detail }: ReadFailure): RequestError {
  const code: ErrorCode = errorCodeById(errorId);
  return new RequestError(code, detail);
}

function closedError(): RequestError {
  return new RequestError('log_unavailable', 'the cold pool is closed');
}
