/** What to do about each error, in Markdown: docs/errors.md has the same words. */
import type { ErrorCode } from './errors.js';

export const ERROR_ADVICE: Readonly<Record<ErrorCode, string>> = {
  internal: 'Report it with the request_id.',
  empty_body: 'Send a body.',
  invalid_json: 'The detail says at which byte.',
  invalid_msgpack: 'One complete value, nothing after it.',
  invalid_utf8: 'Send UTF-8.',
  body_must_be_object: 'Send an object.',
  too_deep: 'At most DEPTH_MAX (64) levels.',
  ext_not_allowed: 'Times and ids are strings.',
  topic_required: 'Name a topic.',
  topic_type: 'The topic is a string.',
  topic_chars: 'Letters, digits, `_`, `:`, `-`, and single dots between.',
  topic_too_long: 'At most TOPIC_NAME_BYTES_MAX (255) bytes.',
  payload_required: 'null is a payload; absent is not.',
  invalid_field: '`field` names it, the detail says what it takes.',
  duplicate_key: '`field` names it; the payload and unknown fields are not looked into.',
  invalid_query: '`field` names the parameter.',
  dedupe_key_invalid: '1 to DEDUPE_KEY_BYTES_MAX (255) bytes, no control characters.',
  message_refused:
    'PostgreSQL refused this one message as data; the others of its batch are stored.',
  bad_cursor: 'See `start` of `subscribe`.',
  bad_request: 'The detail says what; a Transfer-Encoding must be `chunked`.',
  topic_not_found: 'Create it, or subscribe to it.',
  not_found: 'Check the path.',
  deferred_not_found: 'It never was, or its release is forgotten.',
  method_not_allowed: 'Allow says which.',
  topic_exists: 'Use it.',
  topic_moving: 'Ask again once it has arrived; a move of a topic ends before the next begins.',
  deferred_released: 'Too late: it was published.',
  payload_too_large:
    "At most PAYLOAD_BYTES_MAX, and no more than the tenant's quota `bytes_per_s`; the detail names it.",
  body_too_large:
    'At most PUBLISH_BODY_BYTES_MAX, BATCH_BODY_BYTES_MAX, or FRAME_BYTES_MAX of a control request; the detail names it.',
  batch_too_large:
    "At most BATCH_ITEMS_MAX messages, and no more than the tenant's quota of messages or bytes allows in a second; the detail names it.",
  request_timeout: 'The body brought less than 16 KiB/s for 7 s, or did not end.',
  unsupported_media_type:
    'application/json, application/msgpack; batches also application/x-ndjson.',
  unsupported_encoding: 'Send the body as it is.',
  dedupe_mismatch:
    'Use a new key for a new message. Payload, key and headers are compared by value, payloads over 16 KiB byte for byte; `delay_ms`, `deliver_at` and `ttl_ms` are not.',
  topic_limit: 'Delete topics, or raise TOPICS_PER_TENANT_MAX.',
  login_rate:
    'From this address POST /api/session was asked for more often than LOGINS_PER_MINUTE_MAX: log in again in a minute.',
  topic_rate:
    'A subscribe of this session would make one topic more than TOPICS_MADE_PER_MINUTE_MAX: subscribe again later, or make topics by POST /api/topics.',
  session_limit: 'Try another node, or raise SESSIONS_MAX.',
  busy: 'The detail names the limit. HTTP: again after Retry-After. WebSocket: again once answers have come.',
  topic_busy: 'Another writer holds the topic, or its transaction the dedupe key; publish again.',
  log_unavailable:
    'PostgreSQL cannot be reached, or refuses for a reason of its own, which the detail names (a table that another session has locked is told within 2 s); nothing was stored, publish again.',
  log_read_only: 'PostgreSQL is read-only; publish again.',
  outcome_unknown: 'It may be stored: publish again with the same dedupe_key.',
  draining: 'Use another node, or come back.',
  unknown_type: 'See the frames of clients.',
  unknown_delivery: 'Unknown, not yours, or settled: nothing changed.',
  not_subscribed: 'Subscribe first.',
  subscription_limit:
    'At most SUBSCRIPTIONS_PER_SESSION_MAX of a session, DURABLES_PER_TOPIC_MAX of a topic: delete those nobody needs, or raise it.',
  frame_too_large: 'At most FRAME_BYTES_MAX.',
  bad_upgrade: 'See Connecting.',
  origin_refused: 'CORS_ORIGIN says which may write and connect.',
  host_refused: 'Use a URL that names it, or set ALLOWED_HOSTS.',
  upgrade_required: 'Connect with a WebSocket client.',
  subscription_in_use: 'Wait until it ends, or take it over with `exclusive`.',
  subscription_not_found: 'A subscribe with this name makes it.',
  subscription_gone:
    'An ephemeral subscription ends with its session: nobody is there to take the message.',
  dead_letter_not_found: 'It was never there, was purged, or was redriven.',
  job_not_found: 'Jobs are remembered for ten minutes after they ended, and not over a restart.',
  message_not_found: 'The log has no message with this id (any more).',
  log_full:
    'The disk of the database is full (or a bound of this node is reached); publish again later.',
  unauthorized:
    'Send one that is valid, as `X-API-Key` or `Authorization: Bearer`; a page offers its token as `conduit.token.<token>`. One answer, whatever is wrong with it.',
  forbidden:
    'The detail names the scope that the key or token lacks; or the topic is outside the topics that the key is for, whether it is there or not; or the request is of the whole tenant; or a token is asked for by a token, or is to refresh that of another tenant or subject.',
  tenant_not_found: 'It is not there, or it is not yours.',
  tenant_exists: 'Use it, or another name.',
  tenant_in_use: 'Delete its topics first; `default` stays.',
  tenant_limit: 'Delete tenants, or raise TENANTS_MAX.',
  session_not_found: "It has ended, is another node's, or is not yours.",
  key_not_found: 'It is not there, is over, is not yours, or may do more than the key that asks.',
  key_limit: 'Delete those that nobody uses, or raise KEYS_PER_TENANT_MAX.',
  rate_limited:
    'The tenant is at its quota of messages or bytes a second; the detail names it. Publish again after Retry-After, and slower. A batch was refused whole.',
  quota_exceeded:
    'The detail names it: `sessions` or `subscriptions` (close some), `topics` or `stored_bytes` (delete some); or have it raised.',
  pull_limit:
    'PULLS_PER_SUBSCRIPTION_MAX or PULLS_PER_TENANT_MAX, as the detail says, of one acceptor: pull with fewer at a time.',
  webhook_not_found: 'PUT one, or look whether its subscription was deleted.',
  webhook_limit:
    'Remove those nobody needs, or raise WEBHOOKS_PER_TENANT_MAX or WEBHOOKS_MAX; the detail names it.',
  not_a_node:
    'Nodes show the same INTERNAL_SECRET, have the same CLUSTER_NAME and are in the table of nodes; nobody else asks here.',
  node_not_found: 'None of that id lives: GET /api/nodes says which do.',
};
