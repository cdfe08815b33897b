/** What requests to webhooks come to: by the status of an answer, or by why there was none. Pure. */
import { REFUSED_ADDRESS } from './checked-lookup.js';

/** undici's code of it. */
const CONNECT_TIMEOUT = 'UND_ERR_CONNECT_TIMEOUT';

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

/** Its time was over. */
export class LateAnswer extends Error {}

/** What an answer says; `retryAfterMsMax`: the longest Retry-After that is kept to. */
export function outcomeOf(
  status: number,
  retryAfter: string | string[] | undefined,
  { retryAfterMsMax, nowMs }: { retryAfterMsMax: number; nowMs: number },
): Outcome {
  if (status >= 200 && status < 300) return { what: 'taken' };
  if (status === 410) return { what: 'gone' };
  if (status >= 300 && status < 400) {
    return failed('redirect', `it answered ${status}: redirects are not followed`);
  }
  const mayWait = status === 429 || status === 503;
  const asked = mayWait ? retryAfterMs(retryAfter, nowMs) : null;
  if (asked === null) return failed('status', `it answered ${status}`);
  const afterMs = Math.min(asked, retryAfterMsMax);
  return { ...failed('retry_after', `it answered ${status}`), afterMs };
}

/** RFC 9110, 10.2.3: seconds, or a date. Null: neither. */
export function retryAfterMs(value: string | string[] | undefined, nowMs: number): number | null {
  if (typeof value !== 'string') return null;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
  const atMs = HTTP_DATE.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}

export function failed(kind: FailureKind, reason: string): Extract<Outcome, { what: 'failed' }> {
  return { what: 'failed', kind, reason, afterMs: null };
}

export function refusedAddress(): Outcome {
  return failed('address', 'it leads to an address that is not public (WEBHOOK_ALLOW)');
}

/** By code: texts of errors have addresses in them. */
export function failureOf(error: unknown, timeoutMs: number): Outcome {
  if (error instanceof LateAnswer) return failed('timeout', `no answer within ${timeoutMs} ms`);
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
