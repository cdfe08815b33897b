/** What a client is told when something fails: RFC 9457 problems, batch items, error frames. */
import { type CloseReason, ERRORS, type ErrorCode } from '../core/errors.js';
import type { Ref } from './frame-types.js';
import type { DisconnectFrame, ErrorFrame } from './server-frame-types.js';

const RETRY_AFTER_S = 1;
/** Of those for which a second is not enough: a node that drains is replaced, and rates are by the minute. */
const LATER_S: Partial<Record<ErrorCode, number>> = { draining: 5, login_rate: 60 };

export interface ProblemCause {
  code: ErrorCode;
  /** What in particular is wrong, without secrets. */
  detail: string;
  /** Null: it is the whole request. */
  field: string | null;
}

/** JSON text of an `application/problem+json` body. */
export function problemBody({ code, detail, field }: ProblemCause, requestId: string): string {
  const { status, title } = ERRORS[code];
  const type = `urn:conduit:error:${code}`;
  const about = field ?? undefined;
  return JSON.stringify({ type, title, status, detail, code, field: about, request_id: requestId });
}

/** Seconds for Retry-After; 0: the status is neither 429 nor 503, and the header is left out. */
export function retryAfterSeconds(code: ErrorCode): number {
  const { status } = ERRORS[code];
  if (status !== 429 && status !== 503) return 0;
  return LATER_S[code] ?? RETRY_AFTER_S;
}

export interface ErrorItem {
  error: {
    code: ErrorCode;
    detail: string;
    /** Left out of JSON and msgpack when undefined. */
    field: string | undefined;
    status: number;
    /** Whether the same message may be accepted later. */
    retryable: boolean;
  };
}

/** The result of one message of a batch that failed. */
export function errorItem(code: ErrorCode, detail: string, field: string | undefined): ErrorItem {
  const { status, temporary } = ERRORS[code];
  return { error: { code, detail, field, status, retryable: temporary } };
}

/** The message of topic_not_found is a fixed text of the contract, whatever `message` says. */
export function errorFrame(code: ErrorCode, message: string, ref: Ref): ErrorFrame {
  const text = code === 'topic_not_found' ? ERRORS.topic_not_found.title : message;
  return { type: 'error', code, message: text, ref: ref ?? undefined };
}

/** The last frame before a close. `retryAfterMs`: left out when undefined. */
export function disconnectFrame(why: CloseReason, retryAfterMs?: number): DisconnectFrame {
  const { closeCode: code, reason, reconnect } = why;
  return { type: 'disconnect', code, reason, reconnect, retry_after_ms: retryAfterMs };
}
