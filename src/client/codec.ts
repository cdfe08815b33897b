/** How frames are written: JSON here; msgpack in msgpack.ts, which needs msgpackr. */

/** One frame, or several. */
export type Part = string | Uint8Array<ArrayBuffer>;

/** Writes and reads frames of one format. What is not in it throws. */
export interface Codec {
  readonly subprotocol: string;
  /** Of HTTP bodies. */
  readonly contentType: string;
  /** One frame. */
  encode(frame: object): Part;
  /** A WebSocket message of frames. */
  join(frames: readonly Part[]): Part;
  /** An HTTP body that is the list of them. */
  list(frames: readonly Part[]): Part;
  /** The frames of a WebSocket message. */
  decode(message: string | ArrayBuffer): unknown[];
}

/** RFC 7464's separator: no JSON text can hold it raw, so what it parts can be made a list. */
const SEPARATOR = '\x1e';

export const json: Codec = {
  subprotocol: 'conduit.json.v1',
  contentType: 'application/json',
  encode: (frame) => JSON.stringify(frame),
  join: (frames) => frames.join(SEPARATOR),
  list: (frames) => `[${frames.join(',')}]`,
  decode: (message) => {
    if (typeof message !== 'string') throw new TypeError('a binary message, of JSON');
    const frames: unknown = JSON.parse(`[${message.replaceAll(SEPARATOR, ',')}]`);
    return Array.isArray(frames) ? frames : [];
  },
};
