/** The kinds of sessions, by how frames reach them. */
import { ENCODING_JSON, ENCODING_MSGPACK, type Encoding } from '../../thread/ops/encoding.js';

/**
 * How frames reach the session: one JSON frame a message, joined JSON, joined msgpack, SSE text; in answers
 * to requests, and in requests to a webhook, which are no kinds of a group.
 */
export const KIND_SINGLE = 0;
export const KIND_JSON = 1;
export const KIND_MSGPACK = 2;
export const KIND_SSE = 3;
export const KIND_PULL = 4;
export const KIND_WEBHOOK = 5;
export type ReceiverKind = 0 | 1 | 2 | 3 | 4 | 5;
/** Those that groups have. */
export const KINDS = 4;

export function encodingOf(kind: ReceiverKind): Encoding {
  return kind === KIND_MSGPACK ? ENCODING_MSGPACK : ENCODING_JSON;
}
