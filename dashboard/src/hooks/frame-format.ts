/** How the frames of a page's session are written: JSON as text, or msgpack by the codec of the client. */
import { ExactNumber } from '../api/json.js';

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

/** msgpack is loaded when it is asked for. */
export async function codecOf(format: FrameFormat): Promise<FrameCodec> {
  if (format === 'json') return json;
  const { msgpack } = await import('../../../src/client/msgpack.js');
  return {
    subprotocol: msgpack.subprotocol,
    encode: (frame) => {
      const data = msgpack.encode(frame) as Uint8Array<ArrayBuffer>;
      const seen = { frame: frame as Frame, text: JSON.stringify(frame), bytes: data };
      return { data, seen };
    },
    decode: (message) => {
      const bytes = typeof message === 'string' ? null : new Uint8Array(message);
      const frames = msgpack.decode(message).map(shown) as Frame[];
      return frames.map((frame) => ({ frame, text: textOf(frame), bytes }));
    },
  };
}

/** What JSON has no number or text for, as text. */
function shown(value: unknown): unknown {
  if (typeof value === 'bigint') return new ExactNumber(String(value));
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return value.map(shown);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, shown(one)]));
}

function textOf(frame: Frame): string {
  return JSON.stringify(frame, (_name, value: unknown) =>
    value instanceof ExactNumber ? value.text : value,
  );
}
