/**
 * One HTTP endpoint: its connections, which are kept, and what its answers mean for the messages they are
 * about. Only checked addresses are connected to, no redirect is followed, and of an answer nothing but its
 * head counts. undici is loaded by the first request: it takes a tenth of a second, and many nodes send none.
 */
import type { Pool } from 'undici';
import { addressIn } from '../../wire/webhook-url.js';
import { checkedLookup, REFUSED_ADDRESS, type Resolve } from './checked-lookup.js';

/** Of an answer's body; of more the connection is given up. */
const ANSWER_BYTES_MAX = 16 * 1_024;
const HEAD_BYTES_MAX = 16 * 1_024;
/** undici's code of it. */
const CONNECT_TIMEOUT = 'UND_ERR_CONNECT_TIMEOUT';
/** Of a connection that nothing is sent on; servers close theirs after 5 s, most of them. */
const KEEP_ALIVE_MS = 4_000;

/** RFC 9110, 5.6.7: the form that is written today. */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;

/** What a request came to. `failed`: `afterMs` null is by the back-off of the subscription. */
export type Outcome =
  | { what: 'taken' }
  | { what: 'gone' }
  | { what: 'failed'; kind: FailureKind; reason: string; afterMs: number | null };

export type FailureKind =
  | 'status'
  | 'redirect'
  | 'retry_after'
  | 'timeout'
  | 'address'
  | 'connection';

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
  async post(headers: Record<string, string>, body: Uint8Array): Promise<Outcome> {
    if (this.#isRefused) return refusedAddress();
    if (this.#isClosed) return failed('connection', 'it is called no more');
    const { timeoutMs } = this.#options;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), timeoutMs);
    try {
      const { signal } = abort;
      const what = { path: this.#path, method: 'POST', headers, body, signal } as const;
      this.#pool ??= this.#open();
      const answer = await (await this.#pool).request(what);
      const { statusCode, headers: head } = answer;
      const outcome = this.#outcomeOf(statusCode, head['retry-after']);
      // What it says beside its status is of no use to anybody; the connection is, if it ends soon.
      await answer.body.dump({ limit: ANSWER_BYTES_MAX, signal }).catch(() => undefined);
      return outcome;
    } catch (error) {
      if (abort.signal.aborted) return failed('timeout', `no answer within ${timeoutMs} ms`);
      return failureOf(error);
    } finally {
      clearTimeout(timer);
    }
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

  #outcomeOf(status: number, retryAfter: string | string[] | undefined): Outcome {
    if (status >= 200 && status < 300) return { what: 'taken' };
    if (status === 410) return { what: 'gone' };
    if (status >= 300 && status < 400) {
      return failed('redirect', `it answered ${status}: redirects are not followed`);
    }
    const mayWait = status === 429 || status === 503;
    const { retryAfterMsMax, now } = this.#options;
    const asked = mayWait ? retryAfterMs(retryAfter, now()) : null;
    if (asked === null) return failed('status', `it answered ${status}`);
    const afterMs = Math.min(asked, retryAfterMsMax);
    return { ...failed('retry_after', `it answered ${status}`), afterMs };
  }
}

/** RFC 9110, 10.2.3: seconds, or a date. Null: neither. */
export function retryAfterMs(value: string | string[] | undefined, nowMs: number): number | null {
  if (typeof value !== 'string') return null;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
  const atMs = HTTP_DATE.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}

function failed(kind: FailureKind, reason: string): Extract<Outcome, { what: 'failed' }> {
  return { what: 'failed', kind, reason, afterMs: null };
}

function refusedAddress(): Outcome {
  return failed('address', 'it leads to an address that is not public (WEBHOOK_ALLOW)');
}

/** By code: texts of errors have addresses in them. */
function failureOf(error: unknown): Outcome {
  const code = codeOf(error);
  if (code === REFUSED_ADDRESS) return refusedAddress();
  if (code === CONNECT_TIMEOUT) return failed('timeout', 'no connection in time');
  return failed('connection', `no connection, or it broke (${code})`);
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  // Of several addresses the first says it.
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.cause instanceof Error ? codeOf(error.cause) : 'unknown';
}
