/** What goes wrong, as users of the client see it: a stable code, and whether trying again may help. */
import type { ErrorCode } from '../core/errors.js';

/** Codes that are the client's own; all others are the node's (docs/errors.md). */
export type ClientErrorCode =
  /** The client was closed, by its user or for good by the node. */
  | 'closed'
  /** A publish was not sent in its time: it is not stored. */
  | 'timeout'
  /** More publishes wait than `publishQueue` or `publishQueueBytes` let wait. */
  | 'publish_queue_full'
  /** The callback for the key or token failed, or did not answer in `credentialsTimeoutMs`. */
  | 'credentials_failed'
  /** A page cannot show an API key: give it a token. */
  | 'key_in_browser'
  /** This Node has no WebSocket: install ws, or give one as `WebSocket`. */
  | 'no_websocket'
  /** No connection, or it broke. */
  | 'disconnected'
  /** The node said what is not in the protocol. */
  | 'protocol_error'
  /** `reconnect.maxAttempts` is used up, or there is no `reconnect`. */
  | 'gave_up'
  /** A second reader of one subscription. */
  | 'already_read'
  /** The handler of a subscription threw: `cause` has what. */
  | 'handler_failed'
  /** `parse` of a subscription threw: `cause` has what. */
  | 'parse_failed'
  /** The subscription has ended, for these reasons of the node. */
  | 'topic_deleted'
  | 'taken_over'
  | 'subscription_deleted'
  /** HTTP answered something else than the node does: a proxy, most likely. */
  | 'bad_answer';

export interface ConduitErrorOptions extends ErrorOptions {
  /** Of an HTTP answer. */
  status?: number | undefined;
  requestId?: string | undefined;
  field?: string | undefined;
  /** Default: what the code says. */
  retryable?: boolean | undefined;
  /** The node asks for this much patience, ms. */
  retryAfterMs?: number | undefined;
}

/** Those of the node that say "later"; `test/unit/client` holds that they are. */
export const TEMPORARY: readonly string[] = [
  'topic_limit',
  'topic_rate',
  'login_rate',
  'session_limit',
  'busy',
  'topic_busy',
  'log_unavailable',
  'log_read_only',
  'log_full',
  'outcome_unknown',
  'draining',
  'rate_limited',
  'quota_exceeded',
  'pull_limit',
  'disconnected',
  'credentials_failed',
  'timeout',
  'publish_queue_full',
];

export class ConduitError extends Error {
  override readonly name = 'ConduitError';
  readonly code: ErrorCode | ClientErrorCode;
  /** The same may work later. */
  readonly retryable: boolean;
  /** Of the HTTP answer; undefined: it was none. */
  readonly status: number | undefined;
  /** For who runs the node. */
  readonly requestId: string | undefined;
  readonly field: string | undefined;
  /** Ms; 0: the node named none. */
  readonly retryAfterMs: number;

  constructor(
    code: ErrorCode | ClientErrorCode,
    message: string,
    options: ConduitErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? TEMPORARY.includes(code);
    this.status = options.status;
    this.requestId = options.requestId;
    this.field = options.field;
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}

/** What was thrown, in words. */
export function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
