/** How the frames of a page's session are written: JSON as text, or msgpack. */
import { jsonText } from '../api/json.js';
import { readMsgpack, writeMsgpack } from '../api/msgpack.js';

export type FrameFormat = 'json' | 'msgpack';

export interface Frame {
  type: string;
  [member: string]: unknown;
}

/** One frame, as it is read and as it went over the wire. */
export interface WireFrame {
  frame: Frame;
  text: string;
  /** Null: those of the text. */
  bytes: Uint8Array | null;
}

export interface FrameCodec {
  subprotocol: string;
  /** What is sent, and how it is shown. */
  encode: (frame: object) => { data: string | Uint8Array<ArrayBuffer>; seen: WireFrame };
  decode: (message: string | ArrayBuffer) => WireFrame[];
}

const SEPARATOR = '\u001e';

const json: FrameCodec = {
  subprotocol: 'conduit.json.v1',
  encode: (frame) => {
    const text = JSON.stringify(frame);
    return { data: text, seen: { frame: frame as Frame, text, bytes: null } };
  },
  decode: (message) =>
    String(message)
      .split(SEPARATOR)
      .map((text) => ({ frame: JSON.parse(text) as Frame, text, bytes: null })),
};

const msgpack: FrameCodec = {
  subprotocol: 'conduit.msgpack.v1',
  encode: (frame) => {
    const data = writeMsgpack(frame);
    const seen = { frame: frame as Frame, text: JSON.stringify(frame), bytes: data };
    return { data, seen };
  },
  decode: (message) => {
    const bytes = new Uint8Array(message as ArrayBuffer);
    const frames = readMsgpack(bytes) as Frame[];
    return frames.map((frame) => ({ frame, text: jsonText(frame, 'line'), bytes }));
  },
};

export function codecOf(format: FrameFormat): FrameCodec {
  return format === 'json' ? json : msgpack;
}
