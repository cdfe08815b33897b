import { readFileSync } from 'node:fs';
import { Unpackr } from 'msgpackr';
import t from 'tap';
import { parseUuid } from '../../../src/core/uuid.js';
import { publishedFrame, publishedJson, publishedMsgpack } from '../../../src/wire/result.js';
import { WIRE_JSON, WIRE_MSGPACK } from '../../../src/wire/server-frame.js';

interface Vector {
  name: string;
  result: {
    ref: string | number | null;
    topic: string;
    sequence: number;
    duplicate: boolean;
    epoch: string;
    subscribers: number;
    message_id: string;
    published_at_ms: number;
  };
  frame_json: string;
  frame_msgpack: string;
  body_json: string;
  body_msgpack: string;
}

const file = new URL('../../../../test/vectors/published.json', import.meta.url);
const vectors: Vector[] = JSON.parse(readFileSync(file, 'utf8'));
const hex = (bytes: Uint8Array | string) =>
  typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('hex');

t.test('results are the golden ones', async (t) => {
  for (const { name, result, ...golden } of vectors) {
    const { ref, topic, sequence, epoch, subscribers, duplicate } = result;
    const messageId = parseUuid(result.message_id) ?? new Uint8Array(16);
    const publishedAtMs = result.published_at_ms;
    const published = { messageId, sequence, epoch, subscribers, publishedAtMs, duplicate };
    t.equal(publishedFrame(WIRE_JSON, { ref, topic }, published), golden.frame_json, name);
    t.equal(hex(publishedFrame(WIRE_MSGPACK, { ref, topic }, published)), golden.frame_msgpack);
    t.equal(Buffer.from(publishedJson(topic, published)).toString(), golden.body_json);
    t.equal(hex(publishedMsgpack(topic, published)), golden.body_msgpack);
  }
});

t.test('both formats say the same, in fields a client knows', async (t) => {
  // By default a uint64 is a bigint: beyond 2^32 alone.
  const plain = new Unpackr({ mapsAsObjects: true });
  const large = new Unpackr({ int64AsType: 'number', mapsAsObjects: true });
  for (const { result, frame_json, frame_msgpack, body_json, body_msgpack } of vectors) {
    const reader = result.sequence < 2 ** 32 ? plain : large;
    const known = {
      message_id: result.message_id,
      topic: result.topic,
      sequence: result.sequence,
      published_at: new Date(result.published_at_ms).toISOString(),
      ...(result.duplicate ? { duplicate: true } : {}),
    };
    const ref = result.ref === null ? {} : { ref: result.ref };
    t.same(JSON.parse(frame_json), { type: 'published', ...ref, ...known });
    t.same(reader.unpack(Buffer.from(frame_msgpack, 'hex')), JSON.parse(frame_json));
    const { epoch, subscribers } = result;
    t.same(JSON.parse(body_json), { ...known, epoch, subscribers });
    t.same(reader.unpack(Buffer.from(body_msgpack, 'hex')), JSON.parse(body_json));
  }
});
