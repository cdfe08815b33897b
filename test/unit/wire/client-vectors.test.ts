// Goal: the golden frames of clients are written as a client writes them, and read alike in both formats.
import { readFileSync } from 'node:fs';
import { Packr, Unpackr } from 'msgpackr';
import t from 'tap';
import { DEFAULT_LIMITS } from '../../../src/core/limits.js';
import { ByteWriter } from '../../../src/wire/byte-writer.js';
import {
  type ClientFrame,
  decodeJsonFrames,
  decodeMsgpackFrames,
  type FrameSink,
} from '../../../src/wire/client-frame.js';
import { writeValue } from '../../../src/wire/msgpack-value.js';

interface Vector {
  name: string;
  frame: { type: ClientFrame['type'] };
  json: string;
  msgpack: string;
}

/** One of each is golden: a type that is added to the union and not here does not compile. */
const TYPES: Readonly<Record<ClientFrame['type'], true>> = {
  subscribe: true,
  unsubscribe: true,
  ack: true,
  nack: true,
  extend: true,
  reject: true,
  publish: true,
  heartbeat: true,
  refresh: true,
  hello: true,
};

const file = new URL('../../../../test/vectors/client-frames.json', import.meta.url);
const vectors: Vector[] = JSON.parse(readFileSync(file, 'utf8'));

class Taken implements FrameSink {
  readonly limits = DEFAULT_LIMITS;
  readonly wantsMore = true;
  readonly frames: ClientFrame[] = [];
  readonly errors: string[] = [];

  frame(frame: ClientFrame): void {
    this.frames.push(frame);
  }

  bad(error: { message: string }): void {
    this.errors.push(error.message);
  }

  tooManyBad(): void {
    this.errors.push('too many bad frames');
  }
}

function taken(decode: (sink: FrameSink) => void): ClientFrame[] {
  const sink = new Taken();
  decode(sink);
  t.same(sink.errors, []);
  return sink.frames;
}

/** The payload is a slice of the message, in its format. */
function withoutPayload(frame: ClientFrame | undefined): unknown {
  if (frame?.type !== 'publish') return frame;
  const { payload, contentType, ...publish } = frame.publish;
  return { ...frame, publish };
}

/** As large a ref as one of 32 bits is a bigint where it came as a 64-bit integer. */
function withRef(frame: unknown): unknown {
  const { ref, ...rest } = frame as { ref: unknown };
  return { ...rest, ref: typeof ref === 'bigint' ? Number(ref) : ref };
}

t.test('there is one of each type', async (t) => {
  const seen = new Set(vectors.map(({ frame }) => frame.type));
  t.same([...seen].sort(), Object.keys(TYPES).sort());
});

t.test('the bytes say the frame', async (t) => {
  const reader = new Unpackr({ int64AsType: 'number', mapsAsObjects: true });
  for (const { name, frame, json, msgpack } of vectors) {
    const writer = new ByteWriter();
    writeValue(writer, frame);
    t.equal(JSON.stringify(frame), json, name);
    t.equal(Buffer.from(writer.take()).toString('hex'), msgpack, name);
    t.same(reader.unpack(Buffer.from(msgpack, 'hex')), frame, name);
  }
});

t.test('the server reads the same in both formats', async (t) => {
  for (const { name, frame, json, msgpack } of vectors) {
    const text = taken((sink) => decodeJsonFrames(Buffer.from(json), sink, 'single'));
    const bytes = Buffer.from(msgpack, 'hex');
    const binary = taken((sink) => decodeMsgpackFrames(bytes, sink));
    t.equal(text[0]?.type, frame.type, name);
    t.same(withRef(withoutPayload(binary[0])), withRef(withoutPayload(text[0])), name);
  }
});

t.test('what msgpackr writes by its defaults is read as well', async (t) => {
  const packr = new Packr({ useRecords: false });
  for (const { name, frame, msgpack } of vectors) {
    const written = taken((sink) => decodeMsgpackFrames(packr.pack(frame), sink));
    const golden = taken((sink) => decodeMsgpackFrames(Buffer.from(msgpack, 'hex'), sink));
    t.same(withRef(withoutPayload(written[0])), withRef(withoutPayload(golden[0])), name);
  }
});
