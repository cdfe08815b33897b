/** The wire formats that a worker frames messages in. */

/** Encodings a worker makes; the acceptor's raw and SSE sessions are fed the JSON one. */
export const ENCODING_JSON = 0;
export const ENCODING_MSGPACK = 1;
/** How many there are. */
export const ENCODINGS = 2;
export type Encoding = typeof ENCODING_JSON | typeof ENCODING_MSGPACK;
