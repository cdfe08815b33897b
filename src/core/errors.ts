/**
 * The one table of errors a client can see. Codes are stable and never reused; `id` is what travels
 * between threads in place of the text. `temporary` says whether the same request may work later
 * (it decides Retry-After and `retryable` in batch results). A test holds ids and codes unique.
 */
export interface ErrorSpec {
  readonly id: number;
  readonly status: number;
  readonly temporary: boolean;
  /** One line for people: what is wrong in general; `detail` of an occurrence says what in particular. */
  readonly title: string;
}

export const ERRORS = {
  internal: { id: 1, status: 500, temporary: false, title: 'A fault of the server' },
  empty_body: { id: 2, status: 400, temporary: false, title: 'The body is empty' },
  invalid_json: { id: 3, status: 400, temporary: false, title: 'Not valid JSON' },
  invalid_msgpack: { id: 4, status: 400, temporary: false, title: 'Not valid msgpack' },
  invalid_utf8: { id: 5, status: 400, temporary: false, title: 'Not valid UTF-8' },
  body_must_be_object: {
    id: 6,
    status: 400,
    temporary: false,
    title: 'The body must be an object',
  },
  too_deep: { id: 7, status: 400, temporary: false, title: 'Nested too deep' },
  ext_not_allowed: {
    id: 8,
    status: 400,
    temporary: false,
    title: 'msgpack ext types are not allowed',
  },
  topic_required: { id: 9, status: 400, temporary: false, title: 'A topic is required' },
  topic_type: { id: 10, status: 400, temporary: false, title: 'The topic must be a string' },
  topic_chars: {
    id: 11,
    status: 400,
    temporary: false,
    title: 'The topic name has characters that are not allowed',
  },
  topic_too_long: { id: 12, status: 400, temporary: false, title: 'The topic name is too long' },
  payload_required: { id: 13, status: 400, temporary: false, title: 'A payload is required' },
  invalid_field: {
    id: 14,
    status: 400,
    temporary: false,
    title: 'A field has a wrong type or value',
  },
  invalid_query: { id: 15, status: 400, temporary: false, title: 'A query parameter is not valid' },
  dedupe_key_invalid: {
    id: 16,
    status: 400,
    temporary: false,
    title: 'The dedupe key is not valid',
  },
  message_refused: { id: 17, status: 400, temporary: false, title: 'The log refused this message' },
  bad_cursor: { id: 18, status: 400, temporary: false, title: 'The position is not valid' },
  bad_request: { id: 20, status: 400, temporary: false, title: 'Not a valid request' },
  topic_not_found: { id: 21, status: 404, temporary: false, title: 'topic not found' },
  not_found: { id: 22, status: 404, temporary: false, title: 'Nothing here' },
  deferred_not_found: { id: 23, status: 404, temporary: false, title: 'No such deferred message' },
  method_not_allowed: { id: 24, status: 405, temporary: false, title: 'Method not allowed' },
  topic_exists: { id: 25, status: 409, temporary: false, title: 'The topic exists' },
  deferred_released: {
    id: 26,
    status: 409,
    temporary: false,
    title: 'The deferred message was released',
  },
  payload_too_large: { id: 27, status: 413, temporary: false, title: 'The payload is too large' },
  body_too_large: { id: 28, status: 413, temporary: false, title: 'The body is too large' },
  batch_too_large: {
    id: 29,
    status: 413,
    temporary: false,
    title: 'Too many messages in one batch',
  },
  unsupported_media_type: {
    id: 30,
    status: 415,
    temporary: false,
    title: 'This content type is not taken',
  },
  unsupported_encoding: {
    id: 31,
    status: 415,
    temporary: false,
    title: 'This content encoding is not taken',
  },
  dedupe_mismatch: {
    id: 32,
    status: 422,
    temporary: false,
    title: 'The dedupe key was used for another message',
  },
  topic_limit: { id: 33, status: 429, temporary: true, title: 'Too many topics' },
  session_limit: { id: 34, status: 503, temporary: true, title: 'Too many sessions' },
  busy: { id: 35, status: 503, temporary: true, title: 'Too much under way' },
  topic_busy: {
    id: 36,
    status: 503,
    temporary: true,
    title: 'The topic is locked by another writer',
  },
  log_unavailable: { id: 37, status: 503, temporary: true, title: 'The log cannot be reached' },
  log_read_only: { id: 38, status: 503, temporary: true, title: 'The log is read-only' },
  outcome_unknown: {
    id: 39,
    status: 503,
    temporary: true,
    title: 'Whether the message was stored is not known',
  },
  draining: { id: 40, status: 503, temporary: true, title: 'This node is shutting down' },
  unknown_type: { id: 41, status: 400, temporary: false, title: 'Unknown frame type' },
  unknown_delivery: { id: 42, status: 400, temporary: false, title: 'No such delivery' },
  not_subscribed: { id: 43, status: 400, temporary: false, title: 'Not subscribed' },
  subscription_limit: { id: 44, status: 429, temporary: false, title: 'Too many subscriptions' },
  frame_too_large: { id: 45, status: 413, temporary: false, title: 'The frame is too large' },
  bad_upgrade: { id: 46, status: 400, temporary: false, title: 'Not a valid WebSocket upgrade' },
  origin_refused: {
    id: 48,
    status: 403,
    temporary: false,
    title: 'Pages of this origin may not do this',
  },
  upgrade_required: {
    id: 49,
    status: 426,
    temporary: false,
    title: 'A WebSocket upgrade is required',
  },
  subscription_in_use: {
    id: 50,
    status: 409,
    temporary: false,
    title: 'Another session has this subscription to itself',
  },
  subscription_not_found: {
    id: 51,
    status: 404,
    temporary: false,
    title: 'No such durable subscription',
  },
  subscription_gone: {
    id: 52,
    status: 409,
    temporary: false,
    title: 'The session of the subscription is gone',
  },
  dead_letter_not_found: { id: 53, status: 404, temporary: false, title: 'No such dead letter' },
  job_not_found: { id: 54, status: 404, temporary: false, title: 'No such job' },
  session_not_found: { id: 75, status: 404, temporary: false, title: 'No such session' },
  message_not_found: { id: 55, status: 404, temporary: false, title: 'No such message' },
  host_refused: { id: 61, status: 403, temporary: false, title: 'The node has another name' },
  request_timeout: { id: 62, status: 408, temporary: false, title: 'The request took too long' },
  duplicate_key: { id: 60, status: 400, temporary: false, title: 'A field is given twice' },
  unauthorized: {
    id: 63,
    status: 401,
    temporary: false,
    title: 'An API key or a token is required',
  },
  node_not_found: { id: 77, status: 404, temporary: false, title: 'No such node' },
  not_a_node: { id: 76, status: 403, temporary: false, title: 'This is for nodes of the cluster' },
  forbidden: { id: 64, status: 403, temporary: false, title: 'The key or token may not do this' },
  tenant_not_found: { id: 65, status: 404, temporary: false, title: 'No such tenant' },
  tenant_exists: { id: 66, status: 409, temporary: false, title: 'The tenant exists' },
  tenant_in_use: { id: 67, status: 409, temporary: false, title: 'The tenant is in use' },
  tenant_limit: { id: 68, status: 429, temporary: false, title: 'Too many tenants' },
  key_not_found: { id: 69, status: 404, temporary: false, title: 'No such API key' },
  key_limit: { id: 70, status: 429, temporary: false, title: 'Too many API keys' },
  login_rate: { id: 72, status: 429, temporary: true, title: 'Too many logins' },
  topic_rate: { id: 71, status: 429, temporary: true, title: 'Too many topics made at once' },
  rate_limited: { id: 73, status: 429, temporary: true, title: 'Too much in a second' },
  quota_exceeded: { id: 74, status: 429, temporary: true, title: 'The quota is used up' },
  pull_limit: { id: 78, status: 429, temporary: true, title: 'Too many pulls wait' },
  webhook_not_found: { id: 79, status: 404, temporary: false, title: 'No such webhook' },
  topic_moving: { id: 81, status: 409, temporary: false, title: 'The topic is being moved' },
  webhook_limit: { id: 80, status: 429, temporary: false, title: 'Too many webhooks' },
  log_full: { id: 47, status: 503, temporary: true, title: 'The log is full' },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;

const CODE_BY_ID = new Map<number, ErrorCode>(
  Object.entries(ERRORS).map(([code, spec]) => [spec.id, code as ErrorCode]),
);

/** The code for an id that came over the link; an unknown id is a bug of ours and reads `internal`. */
export function errorCodeById(id: number): ErrorCode {
  return CODE_BY_ID.get(id) ?? 'internal';
}

export interface RequestErrorOptions extends ErrorOptions {
  field?: string | undefined;
}

/**
 * A request that cannot be served: the caller's fault, or "try later". Never leaves its thread. It has no
 * stack: thousands may be refused in a turn, and their codes say where (25 us each with one, 2 without).
 */
export class RequestError extends Error {
  readonly code: ErrorCode;
  /** The field, parameter or header at fault, as the caller wrote it; absent when it is the whole. */
  readonly field: string | undefined;

  /** `about`: the field; or what the error has besides it, such as its cause. */
  constructor(code: ErrorCode, detail: string, about?: string | RequestErrorOptions) {
    const options = typeof about === 'string' ? { field: about } : about;
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(detail, options);
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'RequestError';
    this.code = code;
    this.field = options?.field;
  }
}

/** Why the server ends a session; the range says whether the client reconnects (4000-4499 yes). */
export interface CloseReason {
  readonly closeCode: number;
  readonly reason: string;
  readonly reconnect: boolean;
}

export const CLOSE = {
  drain: { closeCode: 1012, reason: 'service restart', reconnect: true },
  wrongKind: { closeCode: 1003, reason: 'wrong frame kind', reconnect: false },
  tooLarge: { closeCode: 1009, reason: 'message too large', reconnect: false },
  bug: { closeCode: 1011, reason: 'internal error', reconnect: true },
  tryLater: { closeCode: 1013, reason: 'try again later', reconnect: true },
  slow: { closeCode: 4008, reason: 'slow consumer', reconnect: true },
  idle: { closeCode: 4008, reason: 'nothing whole came in time', reconnect: true },
  unread: { closeCode: 4008, reason: 'answers are not read', reconnect: true },
  tooManyRefused: { closeCode: 4029, reason: 'too many refused frames', reconnect: true },
  tooMuchUnread: { closeCode: 4029, reason: 'more is sent than can be read', reconnect: true },
  dismissed: { closeCode: 1008, reason: 'closed by whoever manages it', reconnect: false },
  badRequest: { closeCode: 4501, reason: 'too many bad frames', reconnect: false },
  topicDeleted: { closeCode: 4505, reason: 'topic deleted', reconnect: false },
  keyOver: { closeCode: 4510, reason: 'key revoked or expired', reconnect: false },
  tokenOver: { closeCode: 4510, reason: 'token ran out', reconnect: false },
} as const satisfies Record<string, CloseReason>;
