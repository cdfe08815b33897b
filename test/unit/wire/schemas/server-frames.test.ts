// Goal: what is written of frames, by hand or not, is what the union of frames and its schemas say.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { Unpackr } from 'msgpackr';
import t from 'tap';
import type { z } from 'zod';
import { CONTENT_JSON, type LogRow } from '../../../../src/core/message.js';
import { publishedFrame } from '../../../../src/wire/result.js';
import { SERVER_FRAMES } from '../../../../src/wire/schemas/server-frames.js';
import { encodeDeliveries, WIRE_JSON, WIRE_MSGPACK } from '../../../../src/wire/server-frame.js';
import type { ServerFrame } from '../../../../src/wire/server-frame-types.js';

/** The other way round holds where the schemas are: together they are the same. */
type Described = { [T in keyof typeof SERVER_FRAMES]: z.output<(typeof SERVER_FRAMES)[T]> };
type OfType = { [T in ServerFrame['type']]: Extract<ServerFrame, { type: T }> };
const asDescribed = (frames: OfType): Described => frames;

const reader = new Unpackr({ int64AsType: 'number', mapsAsObjects: true });
const id = fc.uint8Array({ minLength: 16, maxLength: 16 });
const name = fc.stringMatching(/^[A-Za-z0-9_:-]{1,40}$/);
const sequence = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const publishedAtMs = fc.integer({ min: 0, max: 4_102_444_800_000 });
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });

function vectors(file: string, fields: readonly string[]): unknown[] {
  const url = new URL(`../../../../../test/vectors/${file}.json`, import.meta.url);
  const all = JSON.parse(readFileSync(url, 'utf8')) as Record<string, string>[];
  return all.flatMap((vector) => [
    JSON.parse(vector[fields[0] ?? ''] ?? ''),
    reader.unpack(Buffer.from(vector[fields[1] ?? ''] ?? '', 'hex')),
  ]);
}

/** '' where the frame is one of the union, with its members in the order of the schema. */
function faultOf(frame: unknown): string {
  const { type } = frame as ServerFrame;
  const schema = SERVER_FRAMES[type];
  if (schema === undefined) return `no schema of ${type}`;
  const { error } = schema.safeParse(frame);
  if (error !== undefined) return `${type}: ${error.message}`;
  const forms = 'options' in schema ? schema.options : [schema];
  const keys = Object.keys(frame as object);
  const isInOrder = forms.some(({ shape }) => {
    const known = Object.keys(shape).filter((key) => keys.includes(key));
    return known.join() === keys.join();
  });
  return isInOrder ? '' : `${type}: ${keys.join()}`;
}

const golden = [
  ...vectors('control-frames', ['json', 'msgpack']),
  ...vectors('message-frames', ['json', 'msgpack']),
  ...vectors('published', ['frame_json', 'frame_msgpack']),
];

t.test('the golden frames are frames of the union', async (t) => {
  t.type(asDescribed, 'function');
  t.same(golden.map(faultOf).filter(Boolean), []);
});

t.test('every frame of the union has a golden one', async (t) => {
  const seen = new Set(golden.map((frame) => (frame as ServerFrame).type));
  t.same([...seen].sort(), Object.keys(SERVER_FRAMES).sort());
});

t.test('a frame that is not of the union is told from one that is', async (t) => {
  const ack = { type: 'acked', ref: 1 };
  t.equal(faultOf(ack), '');
  for (const frame of [{ ...ack, more: 1 }, { type: 'acked' }, { ref: 1, type: 'acked' }]) {
    t.not(faultOf(frame), '', JSON.stringify(frame));
  }
});

t.test('messages that are written by hand are frames of the union', async (t) => {
  const row: fc.Arbitrary<LogRow> = fc.record({
    sequence,
    messageId: id,
    publishedAtMs,
    contentType: fc.constant(CONTENT_JSON),
    payload: fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value))),
    key: fc.option(text),
    headers: fc.option(fc.dictionary(text, text, { minKeys: 1 }).map((map) => JSON.stringify(map))),
    expiresAtMs: fc.constant(0),
  });
  const delivery = fc.record({ row, attempt: fc.integer({ min: 1, max: 1_000 }) });
  const check = fc.property(name, delivery, fc.option(name), (topic, one, subscription) => {
    const written = (encoding: 0 | 1) =>
      Buffer.from(encodeDeliveries({ encoding, topic, subscription }, [one]));
    const json = JSON.parse(written(WIRE_JSON).toString());
    return faultOf(json) === '' && faultOf(reader.unpack(written(WIRE_MSGPACK))) === '';
  });
  t.doesNotThrow(() => fc.assert(check, { numRuns: 200 }));
});

t.test('what publishers are told, written by hand, is a frame of the union', async (t) => {
  const ref = fc.option(fc.oneof(fc.string({ maxLength: 20 }), fc.integer(), fc.constant(0.5)));
  const duplicate = fc.boolean();
  const published = fc.record({ messageId: id, sequence, publishedAtMs, duplicate });
  const check = fc.property(name, ref, published, (topic, ref, one) => {
    const json = JSON.parse(String(publishedFrame(WIRE_JSON, { ref, topic }, one)));
    const msgpack = publishedFrame(WIRE_MSGPACK, { ref, topic }, one);
    return faultOf(json) === '' && faultOf(reader.unpack(Buffer.from(msgpack))) === '';
  });
  t.doesNotThrow(() => fc.assert(check, { numRuns: 200 }));
});
