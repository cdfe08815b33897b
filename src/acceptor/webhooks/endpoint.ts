/**
 * One HTTP endpoint: its connections, which are kept, and what its answers mean for the messages they are
 * about. Only checked addresses are connected to, no redirect is followed, and of an answer nothing but its
 * head counts. undici is loaded by the first request: it takes a tenth of a second, and many nodes send none.
 */
import type { Pool } from 'undici';
import { addressIn } from '../../wire/webhook-url.js';
import { checkedLookup, type Resolve } from './checked-lookup.js';
import { EndpointRequest } from './endpoint-request.js';
import { failed, type Outcome, outcomeOf, refusedAddress } from './outcome.js';

const HEAD_BYTES_MAX = 16 * 1_024;
/** Of a connection that nothing is sent on; servers close theirs after 5 s, most of them. */
const KEEP_ALIVE_MS = 4_000;

export interface EndpointOptions {
  url: string;
  concurrency: number;
  timeoutMs: number;
  /** Longest Retry-After that is kept to. */
  retryAfterMsMax: number;
  mayCall: (address: string) => boolean;
  resolve: Resolve;
  /** Unix ms. */
  now: () => number;
}

export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #origin: string;
  readonly #path: string;
  /** Its address is known, and may not be called. */
  readonly #isRefused: boolean;
  /** Null: nothing was sent yet. */
  #pool: Promise<Pool> | null = null;
  #isClosed = false;

  constructor(options: EndpointOptions) {
    this.#options = options;
    const url = new URL(options.url);
    this.#origin = url.origin;
    this.#path = `${url.pathname}${url.search}`;
    const address = addressIn(url);
    this.#isRefused = address !== null && !options.mayCall(address);
  }

  /** Never rejects. */
  post(headers: Record<string, string>, body: Uint8Array): Promise<Outcome> {
    if (this.#isRefused) return Promise.resolve(refusedAddress());
    if (this.#isClosed) return Promise.resolve(failed('connection', 'it is called no more'));
    return new Promise((onOver) => {
      const { timeoutMs, retryAfterMsMax, now } = this.#options;
      const request = new EndpointRequest({
        ...{ timeoutMs, onOver },
        outcomeOf: (status, retryAfter) =>
          outcomeOf(status, retryAfter, { retryAfterMsMax, nowMs: now() }),
      });
      const what = { path: this.#path, method: 'POST', headers, body } as const;
      this.#pool ??= this.#open();
      this.#pool
        .then((pool) => pool.dispatch(what, request))
        .catch((error: unknown) => request.onResponseError(null, error));
    });
  }

  /** What is under way fails. */
  close(): void {
    this.#isClosed = true;
    // It rejects nothing that anybody waits for.
    this.#pool?.then((pool) => pool.destroy()).catch(() => undefined);
  }

  async #open(): Promise<Pool> {
    const { Pool } = await import('undici');
    const { concurrency, timeoutMs, mayCall, resolve } = this.#options;
    const lookup = checkedLookup(mayCall, resolve);
    return new Pool(this.#origin, {
      connections: concurrency,
      pipelining: 1,
      allowH2: false,
      maxHeaderSize: HEAD_BYTES_MAX,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Both are bounded by the time-out of the request.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: timeoutMs, lookup, autoSelectFamily: true },
    });
  }
}
