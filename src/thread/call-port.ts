/**
 * Calls by name over a port to a pool of another thread, answered in JSON. A table of types
 * {method: {args, result}} holds both ends to it.
 */
import type { MessagePort } from 'node:worker_threads';
import { PoolPort, type PoolPortOptions, type PoolResult } from './pool-port.js';

export type CallTable<T> = { readonly [M in keyof T]: { args: unknown; result: object } };

export interface AskOf<T extends CallTable<T>, M extends keyof T = keyof T> {
  method: M;
  args: T[M]['args'];
}

/** Each rejects with RequestError, with what the database said, or with a bug. */
export type HandlersOf<T extends CallTable<T>> = {
  readonly [M in keyof T]: (args: T[M]['args']) => Promise<T[M]['result']>;
};

export class CallPort<T extends CallTable<T>> {
  readonly #pool: PoolPort<AskOf<T>>;

  constructor(port: MessagePort, bounds: PoolPortOptions) {
    this.#pool = new PoolPort<AskOf<T>>(port, bounds);
  }

  /** Rejects with RequestError. */
  async ask<M extends keyof T>(method: M, args: T[M]['args']): Promise<T[M]['result']> {
    const packed = await this.#pool.ask({ method, args });
    return JSON.parse(Buffer.from(packed).toString('utf8')) as T[M]['result'];
  }

  close(): void {
    this.#pool.close();
  }
}

/** At the other end, for the port. Rejects as the handler does. */
export async function answerAsk<T extends CallTable<T>, M extends keyof T>(
  handlers: HandlersOf<T>,
  { method, args }: AskOf<T, M>,
): Promise<PoolResult> {
  const result = await handlers[method](args);
  return new Uint8Array(Buffer.from(JSON.stringify(result), 'utf8')).buffer;
}
