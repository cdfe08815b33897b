import { readFileSync } from 'node:fs';
import { Unpackr, unpack } from 'msgpackr';
import t from 'tap';
import { DEFAULT_LIMITS } from '../../../src/core/limits.js';
import { CONTENT_JSON, CONTENT_MSGPACK, type LogRow } from '../../../src/core/message.js';
import { parseUuid } from '../../../src/core/uuid.js';
import { ByteWriter } from '../../../src/wire/byte-writer.js';
import { decodeMsgpackFrames } from '../../../src/wire/client-frame.js';
import { writeValue } from '../../../src/wire/msgpack-value.js';
import {
  encodeDeliveries,
  encodeFrame,
  encodeMessages,
  FRAME_SEPARATOR,
  MESSAGE_ID_OFFSET_JSON,
  MESSAGE_ID_OFFSET_MSGPACK,
  WIRE_JSON,
  WIRE_MSGPACK,
} from '../../../src/wire/server-frame.js';
import type { ServerFrame } from '../../../src/wire/server-frame-types.js';

const ID = '0198b6f0-1c2d-7abc-8def-0123456789ab';
const AT_MS = 1_767_225_600_123;

interface MessageVector {
  name: string;
  message: {
    topic: string;
    attempt: number;
    subscription: string | null;
    sequence: number;
    content_type: 'json' | 'msgpack';
    payload: string;
    key: string | null;
    headers: string | null;
    message_id: string;
    published_at_ms: number;
  };
  json: string;
  msgpack: string;
}

interface ControlVector {
  name: string;
  frame: ServerFrame;
  json: string;
  msgpack: string;
}

function vectors<T>(name: string): T[] {
  const file = new URL(`../../../../test/vectors/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** As frames are written, whatever they say. */
function msgpackOf(value: unknown): Buffer {
  const writer = new ByteWriter();
  writeValue(writer, value);
  return Buffer.from(writer.take());
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function row(fields: Partial<LogRow>): LogRow {
  return {
    sequence: 1,
    messageId: parseUuid(ID) ?? new Uint8Array(16),
    publishedAtMs: AT_MS,
    contentType: CONTENT_JSON,
    payload: Buffer.from('{"a":1}'),
    key: null,
    headers: null,
    expiresAtMs: 0,
    ...fields,
  };
}

function rowOf({ message }: MessageVector): LogRow {
  const isJson = message.content_type === 'json';
  return row({
    sequence: message.sequence,
    contentType: isJson ? CONTENT_JSON : CONTENT_MSGPACK,
    payload: Buffer.from(message.payload, isJson ? 'utf8' : 'hex'),
    key: message.key,
    headers: message.headers,
  });
}

t.test('message frames are the golden ones, in both formats', async (t) => {
  for (const vector of vectors<MessageVector>('message-frames')) {
    const { topic, attempt, subscription } = vector.message;
    const json = encodeDeliveries({ encoding: WIRE_JSON, topic, subscription }, [
      { row: rowOf(vector), attempt: attempt },
    ]);
    t.equal(text(json), vector.json, vector.name);
    const msgpack = encodeDeliveries({ encoding: WIRE_MSGPACK, topic, subscription }, [
      { row: rowOf(vector), attempt: attempt },
    ]);
    t.equal(hex(msgpack), vector.msgpack, vector.name);
  }
});

t.test('both formats say the same', async (t) => {
  for (const vector of vectors<MessageVector>('message-frames')) {
    const fromJson = JSON.parse(vector.json);
    const fromMsgpack = unpack(Buffer.from(vector.msgpack, 'hex'));
    t.same(Object.keys(fromMsgpack), Object.keys(fromJson), 'fields and their order');
    t.equal(Number(fromMsgpack.sequence), fromJson.sequence);
    t.equal(fromJson.message_id, ID);
    t.equal(fromJson.published_at, new Date(AT_MS).toISOString());
    const { payload: a, sequence: b, headers: c, ...jsonRest } = fromJson;
    const { payload, sequence, headers, ...msgpackRest } = fromMsgpack;
    t.same(msgpackRest, jsonRest);
    if (vector.message.content_type === 'json') t.same(payload, a);
  }
});

t.test('the message_id is always at the same place', async (t) => {
  for (const vector of vectors<MessageVector>('message-frames')) {
    const json = Buffer.from(vector.json);
    t.equal(json.toString('latin1', MESSAGE_ID_OFFSET_JSON, MESSAGE_ID_OFFSET_JSON + 36), ID);
    const msgpack = Buffer.from(vector.msgpack, 'hex');
    t.equal(
      msgpack.toString('latin1', MESSAGE_ID_OFFSET_MSGPACK, MESSAGE_ID_OFFSET_MSGPACK + 36),
      ID,
    );
  }
});

t.test('joined messages are the single ones, one after another', async (t) => {
  const rows = [1, 2, 3, 4, 5].map((sequence) =>
    row({ sequence, key: sequence === 3 ? 'k' : null, publishedAtMs: AT_MS + (sequence >> 1) }),
  );
  const single = (format: 0 | 1) =>
    rows.map((one) =>
      encodeDeliveries({ encoding: format, topic: 'a.b', subscription: null }, [
        { row: one, attempt: 1 },
      ]),
    );
  const json = encodeMessages(WIRE_JSON, 'a.b', rows);
  const separator = String.fromCharCode(FRAME_SEPARATOR);
  t.equal(text(json), single(WIRE_JSON).map(text).join(separator));
  t.equal(hex(encodeMessages(WIRE_MSGPACK, 'a.b', rows)), single(WIRE_MSGPACK).map(hex).join(''));
  t.equal(
    text(encodeMessages(WIRE_JSON, 'a.b', rows.slice(2, 3))),
    text(single(WIRE_JSON)[2] ?? json),
  );
  t.equal(encodeMessages(WIRE_JSON, 'a.b', []).length, 0);
});

t.test('the bytes given are not written to again', async (t) => {
  const first = encodeDeliveries({ encoding: WIRE_JSON, topic: 'a', subscription: null }, [
    { row: row({ sequence: 1 }), attempt: 1 },
  ]);
  const before = text(first);
  for (let n = 0; n < 200; n++)
    encodeDeliveries({ encoding: WIRE_JSON, topic: 'b', subscription: null }, [
      { row: row({ sequence: 2 + n }), attempt: 1 },
    ]);
  t.equal(text(first), before);
});

t.test('large payloads grow the slab, and small ones come right after', async (t) => {
  const payload = Buffer.from(JSON.stringify('x'.repeat(3_000_000)));
  for (const format of [WIRE_JSON, WIRE_MSGPACK] as const) {
    const large = encodeDeliveries({ encoding: format, topic: 'a', subscription: null }, [
      { row: row({ payload }), attempt: 1 },
    ]);
    const frame = format === WIRE_JSON ? JSON.parse(text(large)) : unpack(large);
    t.equal(frame.payload.length, 3_000_000);
    const small = encodeDeliveries({ encoding: format, topic: 'a', subscription: null }, [
      { row: row({}), attempt: 1 },
    ]);
    t.ok(small.length < 250);
  }
});

t.test('integers have their shortest form: msgpackr gives numbers below 2^32', async (t) => {
  const forms: readonly [sequence: number, form: string][] = [
    [1, '01'],
    [127, '7f'],
    [128, 'cc80'],
    [255, 'ccff'],
    [256, 'cd0100'],
    [65_535, 'cdffff'],
    [65_536, 'ce00010000'],
    [4_294_967_295, 'ceffffffff'],
    [4_294_967_296, 'cf0000000100000000'],
    [2 ** 53 - 1, 'cf001fffffffffffff'],
  ];
  const reader = new Unpackr({ mapsAsObjects: true });
  for (const [sequence, form] of forms) {
    const payload = Buffer.from(`{"n":${sequence}}`);
    const page = encodeMessages(WIRE_MSGPACK, 'a', [row({ sequence, payload })]);
    const control = msgpackOf({ sequence, gap: { from: sequence, to: sequence } });
    for (const bytes of [page, control])
      t.match(hex(Buffer.from(bytes)), `a873657175656e6365${form}`);
    t.match(hex(page), `a16e${form}`, 'in a payload that was JSON, too');
    if (sequence >= 2 ** 32) continue;
    const frame = reader.unpack(Buffer.from(page));
    t.same([frame.sequence, frame.payload.n], [sequence, sequence]);
    t.doesNotThrow(() => JSON.stringify(reader.unpack(Buffer.from(control))));
  }
});

t.test('sequences keep every digit', async (t) => {
  const reader = new Unpackr({ int64AsType: 'bigint', mapsAsObjects: true });
  const sequences = [1, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1];
  for (const sequence of sequences) {
    const json = text(
      encodeDeliveries({ encoding: WIRE_JSON, topic: 'a', subscription: null }, [
        { row: row({ sequence }), attempt: 1 },
      ]),
    );
    t.match(json, `"sequence":${sequence},"attempt":1}`);
    const frame = reader.unpack(
      Buffer.from(
        encodeDeliveries({ encoding: WIRE_MSGPACK, topic: 'a', subscription: null }, [
          { row: row({ sequence }), attempt: 1 },
        ]),
      ),
    );
    t.equal(BigInt(frame.sequence), BigInt(sequence));
  }
});

t.test('control frames are the golden ones, in both formats', async (t) => {
  for (const { name, frame, json, msgpack } of vectors<ControlVector>('control-frames')) {
    t.equal(encodeFrame(WIRE_JSON, frame), json, name);
    const bytes = encodeFrame(WIRE_MSGPACK, frame);
    t.equal(typeof bytes === 'string' ? bytes : hex(bytes), msgpack, name);
    const reader = new Unpackr({ int64AsType: 'number', mapsAsObjects: true });
    t.same(reader.unpack(Buffer.from(msgpack, 'hex')), frame, 'reads back');
  }
});

t.test('fields that are undefined are left out, at any depth', async (t) => {
  const frame = {
    type: 'x',
    ref: undefined,
    gap: { from: 1, to: undefined },
    list: [undefined, null],
  };
  t.same(unpack(msgpackOf(frame)), { type: 'x', gap: { from: 1 }, list: [null, null] });
});

t.test('numbers of every size are written exactly', async (t) => {
  const edges = [0, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0xffffffff, 0x100000000, 2 ** 53 - 1];
  const numbers = [
    ...edges,
    ...edges.map((n) => -n),
    -0x20,
    -0x21,
    -0x81,
    -0x8001,
    -0x80000001,
    0.1,
    1e300,
  ];
  const bytes = msgpackOf({ numbers });
  const reader = new Unpackr({ int64AsType: 'number', mapsAsObjects: true });
  t.same(reader.unpack(Buffer.from(bytes)), { numbers });
});

t.test('what is encoded is itself valid to the strict scanner', async (t) => {
  const codes: string[] = [];
  const sink = {
    limits: DEFAULT_LIMITS,
    wantsMore: true,
    frame: () => t.fail(),
    tooManyBad: () => t.fail(),
    bad: (error: { code: string }) => void codes.push(error.code),
  };
  const rows = [row({}), row({ contentType: CONTENT_MSGPACK, payload: Buffer.from([0xc0]) })];
  decodeMsgpackFrames(encodeMessages(WIRE_MSGPACK, 'a', rows), sink);
  t.same(codes, ['unknown_type', 'unknown_type']);
});
