import t from 'tap';
import { packAck, packAcked, readAck, readAcked } from '../../../src/thread/ops/acknowledge.js';
import { packReply, readReply } from '../../../src/thread/ops/call.js';
import type { DeliverOp } from '../../../src/thread/ops/deliver.js';
import { packDeliver, readDeliver } from '../../../src/thread/ops/deliver.js';
import type { FailedOp } from '../../../src/thread/ops/failed.js';
import { packFailed, readFailed } from '../../../src/thread/ops/failed.js';
import { OP_PUBLISH } from '../../../src/thread/ops/opcodes.js';
import type { PublishedOp } from '../../../src/thread/ops/publish.js';
import {
  packPublish,
  packPublished,
  readPublish,
  readPublished,
} from '../../../src/thread/ops/publish.js';
import type { SubscribedOp, SubscribeOp } from '../../../src/thread/ops/subscribe.js';
import {
  packSubscribe,
  packSubscribed,
  readSubscribe,
  readSubscribed,
} from '../../../src/thread/ops/subscribe.js';
import { PackReader } from '../../../src/thread/packing/pack-reader.js';
import { PackWriter } from '../../../src/thread/packing/pack-writer.js';

const id = Uint8Array.from({ length: 16 }, (_, i) => i * 7);

t.test('a publish comes out as it went in, with and without the rare fields', async (t) => {
  const writer = new PackWriter();
  const plain = {
    contentType: 0 as const,
    payload: Buffer.from('{"a":1}'),
    key: null,
    headers: null,
    dedupeKey: null,
    ttlMs: 0,
    delayMs: 0,
    deliverAtMs: 0,
  };
  const full = {
    ...plain,
    contentType: 1 as const,
    payload: Buffer.alloc(200_000, 1),
    key: 'schlüssel',
    headers: '{"a":"€"}',
    dedupeKey: '🔑',
    ttlMs: 5,
    delayMs: 2 ** 40,
    deliverAtMs: 1_900_000_000_123,
  };
  packPublish(writer, 7, 'orders.created', plain);
  packPublish(writer, 2 ** 32 - 1, 'a', full);
  t.equal(writer.ops, 2);
  const reader = new PackReader(writer.take());
  t.equal(reader.u8(), OP_PUBLISH);
  t.match(readPublish(reader), { ...plain, request: 7, topic: 'orders.created' });
  t.equal(reader.u8(), OP_PUBLISH);
  t.match(readPublish(reader), { ...full, request: 2 ** 32 - 1, topic: 'a' });
  t.ok(reader.done);
});

t.test('every other operation comes out as it went in', async (t) => {
  const writer = new PackWriter();
  const subscribe: SubscribeOp = {
    request: 1,
    session: 2,
    subscription: 8,
    topic: 'x',
    encoding: 1,
    options: {
      name: 'n',
      ack: 'explicit',
      maxInFlight: 3,
      ackWaitMs: 7,
      maxDeliver: null,
      ordering: 'key',
      exclusive: true,
      start: { from: 'sequence', sequence: 2 ** 52, epoch: 'abc' },
      create: true,
    },
  };
  const published: PublishedOp = {
    request: 9,
    duplicate: true,
    sequence: 2 ** 50,
    publishedAtMs: 1_900_000_000_123,
    subscribers: 1_000,
    messageId: id,
    epoch: 'e1',
  };
  const failed: FailedOp = {
    request: 0,
    session: 5,
    code: 'unknown_delivery',
    detail: 'wörter',
    field: null,
  };
  const subscribed: SubscribedOp = {
    request: 1,
    subscription: 2,
    topicNo: 3,
    idTag: 4095,
    sequence: 6,
    delivered: 5,
    epoch: 'e',
    recovered: false,
    gap: { from: 1, to: 2, reason: 'retention' },
  };
  const deliver: DeliverOp = {
    subscription: 1,
    topicNo: 2,
    round: 65_535,
    firstSequence: 3,
    lastSequence: 4,
    frames: Buffer.alloc(100_000, 3),
  };
  packSubscribe(writer, subscribe);
  packPublished(writer, published);
  packFailed(writer, failed);
  packSubscribed(writer, subscribed);
  packDeliver(writer, deliver);
  packReply(writer, { request: 1, result: 'x'.repeat(100_000), body: new Uint8Array(300) });
  const of = { request: 0, session: 1, subscription: 4, topicNo: 2, sequence: 0, messageId: id };
  packAck(writer, { ...of, kind: 0 });
  const reader = new PackReader(writer.take());
  reader.u8();
  t.same(readSubscribe(reader), subscribe);
  reader.u8();
  const back = readPublished(reader);
  t.same({ ...back, messageId: [...back.messageId] }, { ...published, messageId: [...id] });
  reader.u8();
  t.same(readFailed(reader), failed);
  reader.u8();
  t.same(readSubscribed(reader), subscribed);
  reader.u8();
  const page = readDeliver(reader);
  t.equal(page.round, 65_535);
  t.equal(Buffer.compare(page.frames, deliver.frames), 0);
  reader.u8();
  t.equal(readReply(reader).result.length, 100_000);
  reader.u8();
  t.same([...(readAck(reader).messageId ?? [])], [...id]);
  t.ok(reader.done);
});

t.test('a writer whose buffer was taken starts an empty one', async (t) => {
  const writer = new PackWriter();
  packAcked(writer, 1);
  writer.take();
  t.equal(writer.ops, 0);
  t.equal(writer.bytes, 0);
  packAcked(writer, 2);
  const reader = new PackReader(writer.take());
  reader.u8();
  t.equal(readAcked(reader), 2);
});
