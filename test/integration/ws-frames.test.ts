// Goal: the frames of the protocol do what it says in all three formats, and bad ones get their error
// while the session, and all others, go on.
import { pack } from 'msgpackr';
import t from 'tap';
import WebSocket from 'ws';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { request } from '../support/clients/publisher.js';
import { type Format, type Frame, Subscriber } from '../support/clients/subscriber.js';

const node = await startNode({ WORKERS: '2' });
t.teardown(() => node.kill9());
const FORMATS: Format[] = ['seed', 'json', 'msgpack'];

const publish = (topic: string, payload: unknown) =>
  request(`${node.url}/api/publish`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ topic, payload }),
  });

for (const format of FORMATS) {
  t.test(`${format}: subscribe, message, ack, unsubscribe`, async (t) => {
    const topic = `frames.${format}`;
    const session = await Subscriber.open(node.wsUrl, format);
    const subscribed = await session.subscribe(topic);
    t.match(subscribed, { type: 'subscribed', topic, sequence: 0, epoch: /^[0-9a-z]+$/ });
    t.equal((await session.subscribe(topic)).type, 'subscribed', 'a repeated one is idempotent');
    const answer = await publish(topic, { hello: 'world', big: 1e20 });
    t.equal(answer.body['subscribers'], 1);
    await eventually(() => session.messages.length === 1);
    const [message] = session.messages;
    t.match(message, { topic, payload: { hello: 'world' }, sequence: 1, attempt: 1 });
    t.equal(message?.['message_id'], answer.body['message_id']);
    session.send({ type: 'ack', message_id: message?.['message_id'], ref: 'a' });
    t.match(await session.waitFor((f) => f['ref'] === 'a'), { type: 'acked' });
    session.send({ type: 'ack', message_id: message?.['message_id'], ref: 'b' });
    t.match(await session.waitFor((f) => f['ref'] === 'b'), { code: 'unknown_delivery' });
    session.send({ type: 'ack', topic, sequence: 1 });
    const failed = await session.waitFor((f) => f.type === 'error' && f['ref'] !== 'b');
    t.match(failed, { code: 'unknown_delivery' }, 'also of one that asked for no answer');
    t.equal(failed['ref'] ?? null, null);
    session.send({ type: 'publish', topic, payload: [1, 2], ref: 7 });
    t.match(await session.waitFor((f) => f['ref'] === 7), {
      type: 'published',
      topic,
      sequence: 2,
    });
    await eventually(() => session.messages.length === 2);
    session.send({ type: 'ack', topic, sequence: 2, cumulative: true, ref: 'c' });
    t.match(await session.waitFor((f) => f['ref'] === 'c'), { type: 'acked' });
    session.send({ type: 'heartbeat', ref: 'h' });
    t.match(await session.waitFor((f) => f['ref'] === 'h'), { type: 'heartbeat_ack' });
    session.send({ type: 'unsubscribe', topic, ref: 'u' });
    t.match(await session.waitFor((f) => f['ref'] === 'u'), { type: 'unsubscribed', topic });
    session.send({ type: 'unsubscribe', topic, ref: 'v' });
    t.match(await session.waitFor((f) => f['ref'] === 'v'), { code: 'not_subscribed' });
    await publish(topic, 3);
    session.send({ type: 'heartbeat', ref: 'end' });
    await session.waitFor((f) => f['ref'] === 'end');
    t.equal(session.messages.length, 2, 'nothing comes after unsubscribe');
    session.close();
  });

  t.test(`${format}: what is wrong gets its error, and the session stays open`, async (t) => {
    const topic = `errors.${format}`;
    const other = `other.${format}`;
    const session = await Subscriber.open(node.wsUrl, format);
    await session.subscribe(topic);
    await publish(topic, 1);
    await publish(`unknown.${format}`, 1);
    const id = '019a0000-0000-7000-8000-000000000000';
    const wrong: [Record<string, unknown>, string][] = [
      [{ type: 'nonsense' }, 'unknown_type'],
      [{ type: 5 }, 'unknown_type'],
      [{}, 'unknown_type'],
      [{ type: '__proto__' }, 'unknown_type'],
      [{ type: 'toString' }, 'unknown_type'],
      [{ type: 'subscribe' }, 'topic_required'],
      [{ type: 'subscribe', topic: 5 }, 'topic_type'],
      [{ type: 'subscribe', topic: 'a/b' }, 'topic_chars'],
      [{ type: 'subscribe', topic: other, max_in_flight: 0 }, 'invalid_field'],
      [{ type: 'subscribe', topic: other, max_in_flight: 1001 }, 'invalid_field'],
      [{ type: 'subscribe', topic: other, ack: 'maybe' }, 'invalid_field'],
      [
        { type: 'subscribe', topic: other, start: { from: 'sequence', sequence: -1 } },
        'bad_cursor',
      ],
      [
        { type: 'subscribe', topic: other, start: { from: 'sequence', sequence: 1.5 } },
        'bad_cursor',
      ],
      [
        { type: 'subscribe', topic: other, start: { from: 'sequence', sequence: '1' } },
        'bad_cursor',
      ],
      [
        { type: 'subscribe', topic: other, start: { from: 'sequence', sequence: 99 } },
        'bad_cursor',
      ],
      [
        { type: 'subscribe', topic: other, start: { from: 'sequence', sequence: 2 ** 53 } },
        'bad_cursor',
      ],
      [{ type: 'subscribe', topic: other, start: { from: 'nowhere' } }, 'bad_cursor'],
      [{ type: 'subscribe', topic: other, exclusive: true }, 'invalid_field'],
      [{ type: 'subscribe', topic: other, ack: 'none', max_deliver: 2 }, 'invalid_field'],
      [{ type: 'ack', message_id: id }, 'unknown_delivery'],
      [{ type: 'ack', message_id: 'no uuid' }, 'unknown_delivery'],
      [{ type: 'ack', topic, sequence: 99 }, 'unknown_delivery'],
      [{ type: 'ack', topic: 'not.subscribed', sequence: 1 }, 'unknown_delivery'],
      [{ type: 'ack', topic, sequence: Array(100_000).fill(1) }, 'frame_too_large'],
      [{ type: 'nack', message_id: id }, 'unknown_delivery'],
      [{ type: 'publish', topic: `missing.${format}`, payload: 1 }, 'topic_not_found'],
      [{ type: 'publish', topic }, 'payload_required'],
      [{ type: 'heartbeat', pad: 'x'.repeat(20_000) }, 'frame_too_large'],
    ];
    let n = 0;
    for (const [frame, code] of wrong) {
      const ref = `wrong-${++n}`;
      session.send({ ...frame, ref });
      const answer = await session.waitFor((f) => f['ref'] === ref);
      t.match(answer, { type: 'error', code }, JSON.stringify(frame).slice(0, 80));
    }
    const missing = session.control.find((f) => f['code'] === 'topic_not_found');
    t.equal(missing?.['message'], 'topic not found');
    t.equal(session.closed, null);
    session.close();
  });

  t.test(`${format}: a session that acks waits at its window`, async (t) => {
    const topic = `window.${format}`;
    const session = await Subscriber.open(node.wsUrl, format);
    await session.subscribe(topic, { max_in_flight: 5 });
    for (let i = 0; i < 12; i++) await publish(topic, i);
    const got = () => session.sequences.get(topic)?.length ?? 0;
    await eventually(() => got() === 5);
    session.send({ type: 'ack', topic, sequence: 2, ref: 1 });
    await eventually(() => got() === 6);
    session.send({ type: 'ack', topic, sequence: 6, cumulative: true, ref: 2 });
    await eventually(() => got() === 11);
    session.send({ type: 'heartbeat', ref: 'settled' });
    await session.waitFor((f) => f['ref'] === 'settled');
    t.equal(got(), 11);
    t.same(session.disorder, []);
    session.close();
  });
}

t.test(
  'a session that never acks is not held by a window; one that acks is, from then on',
  async (t) => {
    const session = await Subscriber.open(node.wsUrl, 'json');
    await session.subscribe('windowless');
    const messages = Array.from({ length: 400 }, (_, i) => ({ topic: 'windowless', payload: i }));
    const batch = (list: unknown[]) =>
      request(`${node.url}/api/publish/batch`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ messages: list }),
      });
    await batch(messages);
    const got = () => session.sequences.get('windowless')?.length ?? 0;
    await eventually(() => got() === 400);
    session.send({ type: 'ack', topic: 'windowless', sequence: 400, ref: 1 });
    t.equal((await session.waitFor((f) => f['ref'] === 1)).type, 'acked');
    await batch(messages);
    await eventually(() => got() === 401, 2_000).catch(() => undefined);
    t.equal(got(), 401, 'the newest 256 are in flight, one was acked');
    session.send({ type: 'ack', topic: 'windowless', sequence: 401, cumulative: true });
    await eventually(() => got() === 401 + 256);
    session.close();
  },
);

t.test('start positions: earliest, sequence, time; caught_up; a gap is told', async (t) => {
  const topic = 'starts';
  await request(`${node.url}/api/topics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: topic, retention: { messages: 6 } }),
  });
  const answers = [];
  for (let i = 1; i <= 10; i++) answers.push(await publish(topic, i));
  const open = async (start: Record<string, unknown>): Promise<[Subscriber, Frame]> => {
    const session = await Subscriber.open(node.wsUrl, 'msgpack');
    return [session, await session.subscribe(topic, { start, ack: 'none' })];
  };
  const [fromTime] = await open({ from: 'time', time: answers[8]?.body['published_at'] });
  await fromTime.waitFor((f) => f.type === 'caught_up');
  t.equal(fromTime.sequences.get(topic)?.at(-1), 10);
  const [fromEight, told] = await open({ from: 'sequence', sequence: 8 });
  t.equal(told['recovered'], true);
  t.match(await fromEight.waitFor((f) => f.type === 'caught_up'), { sequence: 10 });
  t.same(fromEight.sequences.get(topic), [8, 9, 10]);
  const other = { from: 'sequence', sequence: 8, epoch: 'zzz' };
  const [recreated, gap] = await open(other);
  t.equal(gap['recovered'], false);
  t.match(gap['gap'], { reason: 'topic_recreated' });
  for (const session of [fromTime, fromEight, recreated]) session.close();
});

t.test(
  'a ref that would come back rounded is refused by name, and the session goes on',
  async (t) => {
    for (const format of FORMATS) {
      const session = await Subscriber.open(node.wsUrl, format);
      session.send({ type: 'heartbeat', ref: 2 ** 53 });
      const error = await session.waitFor((f) => f.type === 'error');
      t.match(error, { code: 'invalid_field', message: /^ref must be/ }, format);
      t.notOk('ref' in error);
      session.send({ type: 'heartbeat', ref: 1_700_000_000_000 });
      t.same((await session.waitFor((f) => f.type === 'heartbeat_ack')).ref, 1_700_000_000_000);
      session.close();
    }
  },
);

t.test('deleting a topic tells its subscribers, and closes who has none left', async (t) => {
  const one = await Subscriber.open(node.wsUrl, 'json');
  const two = await Subscriber.open(node.wsUrl, 'seed');
  await one.subscribe('doomed');
  await two.subscribe('doomed');
  await two.subscribe('kept');
  t.equal((await request(`${node.url}/api/topics/doomed`, { method: 'DELETE' })).status, 204);
  t.match(await one.waitFor((f) => f.type === 'unsubscribed'), { reason: 'topic_deleted' });
  await eventually(() => one.closed !== null);
  t.equal(one.closed?.code, 4505);
  t.match(await two.waitFor((f) => f.type === 'unsubscribed'), { topic: 'doomed' });
  await publish('kept', 1);
  await eventually(() => two.messages.length === 1);
  t.equal(two.closed, null);
  two.close();
});

t.test('frames of the wrong kind, and ten that are no frames, close the session', async (t) => {
  const binary = await Subscriber.open(node.wsUrl, 'json');
  binary.socket.send(Buffer.from([1, 2, 3]));
  await eventually(() => binary.closed !== null);
  t.equal(binary.closed?.code, 1003);
  const text = await Subscriber.open(node.wsUrl, 'msgpack');
  text.socket.send('{"type":"heartbeat"}');
  await eventually(() => text.closed !== null);
  t.equal(text.closed?.code, 1003);
  const noise = await Subscriber.open(node.wsUrl, 'seed');
  for (let i = 0; i < 10; i++) noise.socket.send('{');
  await eventually(() => noise.closed !== null);
  t.equal(noise.closed?.code, 4501);
  t.equal(noise.control.filter((f) => f['code'] === 'invalid_json').length, 10);
  const big = await Subscriber.open(node.wsUrl, 'seed');
  big.socket.send('x'.repeat(2 * 1024 * 1024));
  await eventually(() => big.closed !== null);
  t.ok(big.closed?.code === 1009 || big.closed?.code === 1006);
});

t.test('joined frames: a good one between bad ones is served', async (t) => {
  const session = await Subscriber.open(node.wsUrl, 'json');
  session.socket.send('{bad\u001e{"type":"heartbeat","ref":1}\u001e{"type":"x","ref":2}');
  t.equal((await session.waitFor((f) => f['ref'] === 1)).type, 'heartbeat_ack');
  t.equal((await session.waitFor((f) => f['ref'] === 2))['code'], 'unknown_type');
  t.ok(session.control.some((f) => f['code'] === 'invalid_json'));
  const packed = await Subscriber.open(node.wsUrl, 'msgpack');
  const two = [pack({ type: 'heartbeat', ref: 1 }), pack({ type: 'heartbeat', ref: 2 })];
  packed.socket.send(Buffer.concat(two));
  await packed.waitFor((f) => f['ref'] === 2);
  const whole = pack({ type: 'publish', topic: 'x', payload: { a: [1, 2, 3] }, ref: 'r' });
  for (let cut = 1; cut < Math.min(whole.length, 9); cut++)
    packed.socket.send(whole.subarray(0, cut));
  await eventually(
    () => packed.control.filter((f) => f['code'] === 'invalid_msgpack').length === 8,
  );
  t.equal(packed.closed, null);
  session.close();
  packed.close();
});

t.test('sessions are pinged, and one that answers nothing is closed', async (t) => {
  const short = await startNode({ PING_INTERVAL_S: '1', IDLE_TIMEOUT_S: '8' });
  t.teardown(() => short.kill9());
  const living = await Subscriber.open(short.wsUrl, 'json');
  let pings = 0;
  living.socket.on('ping', () => pings++);
  const silent = new WebSocket(`${short.wsUrl}/ws`, { autoPong: false });
  let closed = false;
  silent.on('close', () => {
    closed = true;
  });
  await eventually(() => pings > 3);
  await eventually(() => closed);
  t.equal(living.closed, null);
  living.close();
});

t.test('the 129th subscription is refused, the others go on', async (t) => {
  const session = await Subscriber.open(node.wsUrl, 'json');
  for (let i = 0; i < 128; i++) {
    t.equal((await session.subscribe(`many.${i}`, { ack: 'none' })).type, 'subscribed');
  }
  t.match(await session.subscribe('many.128'), { code: 'subscription_limit' });
  await publish('many.5', 1);
  await eventually(() => session.messages.length === 1);
  session.close();
});
