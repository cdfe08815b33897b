// Goal: frames that come in one go, each before the one in front of it is answered, do what they would
// have done one by one; black box, in memory and on PostgreSQL.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { request } from '../support/clients/publisher.js';
import { type Frame, Subscriber } from '../support/clients/subscriber.js';

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
// Both are there before the first test: a test run ends with the last test that it knows of.
const NODES = {
  'in memory': await startNode({ WORKERS: '2' }),
  durable: await startNode({ WORKERS: '2', DATABASE_URL: postgres.url }),
};
for (const node of Object.values(NODES)) t.teardown(() => node.kill9());
const LIMIT = 128;

/** In one WebSocket message: the node has read the last before it can answer the first. */
const sendAtOnce = (session: Subscriber, frames: readonly Record<string, unknown>[]): void => {
  session.socket.send(frames.map((frame) => JSON.stringify(frame)).join('\u001e'));
};

/** The answers to those with a ref, once all are there, in the order they came. */
const answersTo = async (
  session: Subscriber,
  frames: readonly Record<string, unknown>[],
): Promise<Frame[]> => {
  const refs = new Set(frames.map((frame) => frame['ref']));
  const answers = (): Frame[] => session.control.filter((frame) => refs.has(frame['ref']));
  sendAtOnce(session, frames);
  await eventually(() => answers().length >= refs.size);
  return answers();
};

/** How many subscriptions the topic has, once a message was published to it. */
const publish = async (node: TestNode, topic: string): Promise<unknown> => {
  const answer = await request(`${node.url}/api/publish`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ topic, payload: 1 }),
  });
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  return answer.body['subscribers'];
};

const typesOf = (answers: readonly Frame[]): string[] =>
  answers.map((frame) => String(frame['code'] ?? frame.type));

const numbered = (from: number, to: number, more: Record<string, unknown> = {}) =>
  Array.from({ length: to - from }, (_, i) => ({
    ...{ type: 'subscribe', topic: `many.${from + i}`, ref: from + i, ack: 'none' },
    ...more,
  }));

const ENDS: Readonly<Record<string, (session: Subscriber, topic: string) => void>> = {
  'unsubscribe twice': (session, topic) => {
    const unsubscribe = { type: 'unsubscribe', topic };
    sendAtOnce(session, [unsubscribe, unsubscribe]);
  },
  'unsubscribe and go': (session, topic) => {
    session.send({ type: 'unsubscribe', topic });
    session.close();
  },
};

for (const [mode, node] of Object.entries(NODES)) {
  t.test(`${mode}: of 200 subscribes the first 128 are accepted`, async (t) => {
    const session = await Subscriber.open(node.wsUrl, 'json');
    const answers = await answersTo(session, numbered(0, 200));
    const accepted = answers.filter(({ type }) => type === 'subscribed');
    const refused = answers.filter(({ code }) => code === 'subscription_limit');
    t.equal(answers.length, 200);
    const first = Array.from({ length: LIMIT }, (_, i) => i);
    t.same(
      accepted.map(({ ref }) => Number(ref)).sort((a, b) => a - b),
      first,
    );
    t.equal(refused.length, 200 - LIMIT);
    t.equal(await publish(node, 'many.127'), 1);
    await eventually(() => session.messages.length === 1);
    session.close();
  });

  t.test(`${mode}: 10,000 publishes in one message are all stored`, async (t) => {
    const session = await Subscriber.open(node.wsUrl, 'json');
    const count = 10_000;
    await session.subscribe('burst', { ack: 'none' });
    const publishes = Array.from({ length: count }, (_, ref) => ({
      ...{ type: 'publish', topic: 'burst', payload: ref, ref },
    }));
    const answers = await answersTo(session, publishes);
    t.same(new Set(typesOf(answers)), new Set(['published']));
    await eventually(() => session.messages.length === count);
    t.same(session.disorder, []);
    session.close();
  });

  t.test(`${mode}: a subscribe that failed takes no place`, async (t) => {
    const session = await Subscriber.open(node.wsUrl, 'json');
    const start = { from: 'sequence', sequence: 99 };
    const answers = await answersTo(session, numbered(300, 301 + LIMIT, { start }));
    t.same(new Set(typesOf(answers.slice(0, 1))), new Set(['subscription_limit']), 'under way');
    t.equal(typesOf(answers).filter((code) => code === 'bad_cursor').length, LIMIT);
    session.control.length = 0;
    const second = await answersTo(session, numbered(500, 500 + LIMIT));
    t.ok(second.every(({ type }) => type === 'subscribed'));
    session.close();
  });

  t.test(`${mode}: repeated subscribes take no place`, async (t) => {
    const session = await Subscriber.open(node.wsUrl, 'json');
    const most = numbered(700, 700 + LIMIT - 1);
    const last = numbered(900, 901);
    t.ok((await answersTo(session, most)).every(({ type }) => type === 'subscribed'));
    session.control.length = 0;
    const answers = await answersTo(session, [...most, ...last]);
    t.same(new Set(typesOf(answers)), new Set(['subscribed']));
    t.match(await session.subscribe('one.more'), { code: 'subscription_limit' });
    session.close();
  });

  t.test(`${mode}: a subscribe repeated before it is answered is one subscription`, async (t) => {
    for (const subscription of [undefined, 's']) {
      const topic = `twice.${subscription ?? 'ephemeral'}`;
      const session = await Subscriber.open(node.wsUrl, 'json');
      const frame = { type: 'subscribe', topic, subscription, ack_wait_ms: 60_000 };
      const refs = [1, 2, 3].map((ref) => ({ ...frame, ref }));
      t.same(typesOf(await answersTo(session, refs)), ['subscribed', 'subscribed', 'subscribed']);
      const count = 10;
      for (let n = 1; n <= count; n++) t.equal(await publish(node, topic), 1);
      await eventually(() => session.messages.length === count);
      const acks = Array.from({ length: count }, (_, i) => ({
        ...{ type: 'ack', topic, sequence: i + 1, ref: `ack-${i}` },
      }));
      t.same(new Set(typesOf(await answersTo(session, acks))), new Set(['acked']));
      t.same(session.disorder, []);
      const end = { type: 'unsubscribe', topic, subscription, ref: 'end' };
      t.same(typesOf(await answersTo(session, [end])), ['unsubscribed']);
      t.equal(await publish(node, topic), 0);
      session.send({ type: 'heartbeat', ref: 'h' });
      await session.waitFor(({ ref }) => ref === 'h');
      t.equal(session.messages.length, count, 'each came once, and none after the end');
      session.close();
    }
  });

  t.test(`${mode}: an unsubscribe ends the subscribe in front of it`, async (t) => {
    for (const subscription of [undefined, 's']) {
      const topic = `brief.${subscription ?? 'ephemeral'}`;
      const session = await Subscriber.open(node.wsUrl, 'json');
      const subscribe = { type: 'subscribe', topic, subscription };
      const unsubscribe = { type: 'unsubscribe', topic, subscription };
      const two = [
        { ...subscribe, ref: 1 },
        { ...unsubscribe, ref: 2 },
      ];
      t.same(typesOf(await answersTo(session, two)), ['subscribed', 'unsubscribed']);
      t.equal(await publish(node, topic), 0);
      const four = [...two, { ...unsubscribe, ref: 3 }, { ...subscribe, ref: 4 }];
      session.control.length = 0;
      const types = ['subscribed', 'unsubscribed', 'not_subscribed', 'subscribed'];
      t.same(typesOf(await answersTo(session, four)), types);
      session.messages.length = 0;
      t.equal(await publish(node, topic), 1);
      await eventually(() => session.messages.some(({ sequence }) => sequence === 2));
      session.close();
    }
  });

  for (const [end, leave] of Object.entries(ENDS)) {
    t.test(`${mode}: those who ${end} end nobody else's subscription`, async (t) => {
      const topic = end.replaceAll(' ', '.');
      const open = () => Subscriber.open(node.wsUrl, 'json');
      const stays = await open();
      const leaving = await Promise.all(Array.from({ length: 10 }, open));
      for (const session of [stays, ...leaving]) await session.subscribe(topic, { ack: 'none' });
      for (const session of leaving) leave(session, topic);
      await eventually(async () => (await publish(node, topic)) === 1);
      // By now all of that is answered.
      await publish(node, topic);
      const { body } = await request(`${node.url}/api/topics/${topic}`, {});
      await eventually(() => stays.sequences.get(topic)?.at(-1) === body['sequence']);
      t.same(stays.disorder, []);
      for (const session of [stays, ...leaving]) session.close();
    });
  }
}
