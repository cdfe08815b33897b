/** The msgpack format, by msgpackr: less CPU for both sides, and binary payloads. */
import { Packr } from 'msgpackr';
import type { Codec, Part } from './codec.js';

/** Its types do not know `auto` yet: a number where it is exact, else a BigInt. */
const AUTO = 'auto' as 'number';
// Undefined would be an ext type, which the node refuses.
const packr = new Packr({ useRecords: false, int64AsType: AUTO, encodeUndefinedAsNil: true });
const LIST_16 = 0xdc;

export const msgpack: Codec = {
  subprotocol: 'conduit.msgpack.v1',
  contentType: 'application/msgpack',
  // A copy: msgpackr's own bytes are a part of a buffer that it goes on writing to.
  encode: (frame) => new Uint8Array(packr.pack(frame)),
  join,
  list: (frames) => join([Uint8Array.of(LIST_16, frames.length >> 8, frames.length), ...frames]),
  decode: (message) => {
    if (typeof message === 'string') throw new TypeError('a text message, of msgpack');
    const frames: unknown = packr.unpackMultiple(new Uint8Array(message));
    return Array.isArray(frames) ? frames : [];
  },
};

function join(frames: readonly Part[]): Part {
  const [first] = frames;
  if (first !== undefined && frames.length === 1) return first;
  const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0));
  let at = 0;
  for (const frame of frames) {
    if (typeof frame === 'string') throw new TypeError('text, in msgpack');
    bytes.set(frame, at);
    at += frame.length;
  }
  return bytes;
}
