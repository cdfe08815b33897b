// Goal: a durable subscription gives every message to one of its sessions until somebody acknowledges it,
// whatever becomes of sessions and nodes; black box, in memory and on PostgreSQL.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { request } from '../support/clients/publisher.js';
import { type Format, type Frame, Subscriber } from '../support/clients/subscriber.js';

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const MODES = { 'in memory': {}, durable: { DATABASE_URL: postgres.url } };

const publish = async (
  node: TestNode,
  topic: string,
  payload: unknown,
  more: Record<string, unknown> = {},
) => {
  const answer = await request(`${node.url}/api/publish`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ topic, payload, ...more }),
  });
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
};

const publishAll = async (node: TestNode, topic: string, count: number): Promise<void> => {
  for (let n = 1; n <= count; n++) await publish(node, topic, n);
};

const join = async (
  node: TestNode,
  topic: string,
  options: Record<string, unknown>,
  format: Format = 'json',
): Promise<Subscriber> => {
  const session = await Subscriber.open(node.wsUrl, format);
  const answer = await session.subscribe(topic, { subscription: 's', ...options });
  if (answer.type !== 'subscribed') throw new Error(JSON.stringify(answer));
  return session;
};

const said = async (session: Subscriber, frame: Record<string, unknown>): Promise<Frame> => {
  const ref = `r${session.control.length}-${Math.random()}`;
  session.send({ ...frame, ref });
  return session.waitFor((answer) => answer['ref'] === ref);
};

const sequencesOf = (session: Subscriber): number[] =>
  session.messages.map((message) => Number(message['sequence']));
const attemptsOf = (session: Subscriber, sequence: number): number[] =>
  session.messages
    .filter((message) => message['sequence'] === sequence)
    .map((message) => Number(message['attempt']));

// Both before the first test: tap ends when no test is left, whatever is being started.
const nodes: { mode: string; node: TestNode }[] = [];
for (const [mode, env] of Object.entries(MODES)) {
  const node = await startNode({ ...env, WORKERS: '2' });
  t.teardown(() => node.kill9());
  nodes.push({ mode, node });
}

for (const { mode, node } of nodes) {
  t.test(`${mode}: what was not acknowledged comes to the next session, in order`, async (t) => {
    const topic = 'd.next';
    const first = await join(node, topic, {});
    await publishAll(node, topic, 5);
    await eventually(() => first.messages.length === 5);
    t.match(await said(first, { type: 'ack', topic, sequence: 2 }), { type: 'acked' });
    first.close();
    await eventually(() => first.closed !== null);
    await publish(node, topic, 6);
    const second = await join(node, topic, {}, 'msgpack');
    await eventually(() => second.messages.length === 5);
    t.same(sequencesOf(second), [1, 3, 4, 5, 6]);
    t.ok(
      second.messages.every((message) => message['attempt'] === 1),
      'a clean end burns no attempt',
    );
    const all = { type: 'ack', topic, sequence: 6, cumulative: true };
    t.match(await said(second, all), { type: 'acked' });
    t.match(await said(second, all), { code: 'unknown_delivery' });
    second.close();
  });

  t.test(
    `${mode}: sessions that name it share the messages, and take over from one that dies`,
    async (t) => {
      const topic = 'd.group';
      const sessions = await Promise.all(
        (['json', 'msgpack', 'seed'] as const).map((format) =>
          join(node, topic, { ack_wait_ms: 60_000, max_deliver: 3 }, format),
        ),
      );
      await publishAll(node, topic, 30);
      const got = (): number[] => sessions.flatMap(sequencesOf);
      await eventually(() => got().length === 30);
      t.same(new Set(got()).size, 30, 'each to one of them');
      t.ok(
        sessions.every((session) => session.messages.length >= 5),
        'to the least busy one',
      );
      const [dying, ...others] = sessions;
      const lost = dying === undefined ? [] : sequencesOf(dying);
      dying?.close();
      await eventually(() => others.flatMap(sequencesOf).length === 30);
      t.same(
        [...others.flatMap(sequencesOf)].sort((a, b) => a - b),
        got()
          .slice(0, 0)
          .concat(Array.from({ length: 30 }, (_, i) => i + 1)),
      );
      const again = others.flatMap((session) =>
        session.messages.filter((message) => lost.includes(Number(message['sequence']))),
      );
      t.ok(again.every((message) => message['subscription'] === 's'));
      const foreign = sequencesOf(others[1] as Subscriber)[0];
      const answer = await said(others[0] as Subscriber, { type: 'ack', topic, sequence: foreign });
      t.match(answer, { code: 'unknown_delivery' }, 'what another session has');
      for (const session of others) session.close();
    },
  );

  t.test(`${mode}: an ack without a ref settles what it names, and nothing else`, async (t) => {
    const topic = 'd.named';
    const session = await join(node, topic, {});
    await publishAll(node, topic, 2);
    await eventually(() => session.messages.length === 2);
    const id = session.messages[0]?.['message_id'];
    const refused = (): number =>
      session.control.filter(({ code }) => code === 'unknown_delivery').length;
    const foreign = [
      { topic: 'd.other', sequence: 1 },
      { topic, sequence: 1, subscription: 'other' },
      { topic: 'd.other', message_id: id },
      { message_id: id, subscription: 'other' },
    ];
    for (const target of foreign) session.send({ type: 'ack', ...target });
    await eventually(() => refused() === foreign.length);
    t.match(await said(session, { type: 'ack', topic, sequence: 1 }), { type: 'acked' });
    session.send({ type: 'ack', topic, sequence: 2, subscription: 's' });
    const again = await said(session, { type: 'ack', topic, sequence: 2 });
    t.match(again, { code: 'unknown_delivery' }, 'settled already');
    session.close();
  });

  t.test(`${mode}: who was alone with a full window gets what follows at once`, async (t) => {
    const topic = 'd.alone';
    const session = await join(node, topic, { max_in_flight: 1, ack_wait_ms: 60_000 });
    const other = await Subscriber.open(node.wsUrl, 'json');
    await other.subscribe(topic, { ack: 'none' });
    await publishAll(node, topic, 2);
    await eventually(() => session.messages.length === 1 && other.messages.length === 2);
    other.close();
    await eventually(() => other.closed !== null);
    for (const sequence of [1, 2]) {
      await eventually(() => session.messages.length === sequence);
      t.match(await said(session, { type: 'ack', topic, sequence }), { type: 'acked' });
    }
    await publish(node, topic, 3);
    await eventually(() => session.messages.length === 3);
    t.same(sequencesOf(session), [1, 2, 3]);
    session.close();
  });

  t.test(`${mode}: what was published before anybody came is judged by its id`, async (t) => {
    const topic = 'd.ids';
    const ways: Record<string, Record<string, unknown>> = {
      'in pages, ephemeral': { subscription: undefined, start: { from: 'earliest' } },
      'in pages': { start: { from: 'earliest' } },
      'one by one': { subscription: 'keyed', ordering: 'key', start: { from: 'earliest' } },
    };
    const maker = await join(node, topic, { subscription: 'maker' });
    t.match(await said(maker, { type: 'unsubscribe', topic, subscription: 'maker' }), {
      type: 'unsubscribed',
    });
    for (let n = 1; n <= 3; n++) await publish(node, topic, n, { key: `k${n}` });
    const judge = async (session: Subscriber, way: string): Promise<void> => {
      await eventually(() => session.messages.length === 3);
      const [first, second, third] = session.messages.map((message) => message['message_id']);
      t.match(await said(session, { type: 'ack', message_id: first }), { type: 'acked' }, way);
      t.match(await said(session, { type: 'reject', message_id: second }), { type: 'acked' }, way);
      const nack = { type: 'nack', message_id: third, delay_ms: 0 };
      t.match(await said(session, nack), { type: 'acked' }, way);
      await eventually(() => attemptsOf(session, 3).length === 2);
      session.close();
      // Of the last to go the topic keeps nothing for the next.
      await eventually(() => session.closed !== null);
    };
    for (const [way, options] of Object.entries(ways)) {
      await judge(await join(node, topic, { ack_wait_ms: 60_000, ...options }), way);
    }
    const left = { subscription: 'left', ack_wait_ms: 60_000, start: { from: 'earliest' } };
    const first = await join(node, topic, left);
    await eventually(() => first.messages.length === 3);
    first.close();
    await eventually(() => first.closed !== null);
    await judge(await join(node, topic, left), 'again, by another session');
  });

  t.test(`${mode}: nack, reject, extend and the deadline`, async (t) => {
    const topic = 'd.verdicts';
    const options = { ack_wait_ms: 400, max_deliver: 3 };
    const session = await join(node, topic, options);
    await publishAll(node, topic, 4);
    await eventually(() => session.messages.length === 4);
    const target = (sequence: number) => ({ topic, sequence });
    const id = session.messages[1]?.['message_id'];
    t.match(await said(session, { type: 'nack', message_id: id, delay_ms: 0 }), { type: 'acked' });
    t.match(await said(session, { type: 'reject', ...target(3), reason: 'no' }), { type: 'acked' });
    t.match(await said(session, { type: 'extend', ...target(4), ms: 60_000 }), { type: 'acked' });
    t.match(await said(session, { type: 'nack', ...target(3) }), { code: 'unknown_delivery' });
    await eventually(() => attemptsOf(session, 1).length === 3);
    t.same(attemptsOf(session, 1), [1, 2, 3], 'deadline after deadline');
    t.same(attemptsOf(session, 2), [1, 2, 3], 'a nack and its deadlines');
    t.same(attemptsOf(session, 3), [1], 'a reject ends it');
    t.same(attemptsOf(session, 4), [1], 'more time was asked for');
    t.match(await said(session, { type: 'ack', ...target(1) }), { type: 'acked' });
    session.close();
  });

  t.test(`${mode}: an exclusive session takes it over, and shares it with none`, async (t) => {
    const topic = 'd.exclusive';
    const first = await join(node, topic, { exclusive: true });
    const plain = await Subscriber.open(node.wsUrl, 'json');
    const refused = await plain.subscribe(topic, { subscription: 's' });
    t.match(refused, { type: 'error', code: 'subscription_in_use' });
    const second = await join(node, topic, { exclusive: true });
    const told = await first.waitFor((frame) => frame.type === 'unsubscribed');
    t.match(told, { topic, subscription: 's', reason: 'taken_over' });
    await publish(node, topic, 1);
    await eventually(() => second.messages.length === 1);
    t.equal(first.messages.length, 0);
    for (const session of [first, plain, second]) session.close();
  });

  t.test(`${mode}: by key, a failing key blocks only itself`, async (t) => {
    const topic = 'd.keys';
    const options = { ordering: 'key', ack_wait_ms: 60_000 };
    const sessions = [await join(node, topic, options), await join(node, topic, options)];
    for (let n = 1; n <= 12; n++) await publish(node, topic, n, { key: `k${n % 3}` });
    const all = (): Frame[] => sessions.flatMap((session) => session.messages);
    await eventually(() => all().length === 3);
    t.same(new Set(all().map((message) => message['key'])), new Set(['k0', 'k1', 'k2']));
    const seen: number[] = [];
    const settle = async (): Promise<void> => {
      for (const session of sessions) {
        for (const message of session.messages.splice(0)) {
          const sequence = Number(message['sequence']);
          if (message['key'] === 'k0' && message['attempt'] === 1 && sequence === 3) {
            session.send({ type: 'nack', topic, sequence, delay_ms: 300 });
          } else {
            seen.push(sequence);
            session.send({ type: 'ack', topic, sequence });
          }
        }
      }
    };
    await eventually(async () => {
      await settle();
      return seen.length === 12;
    });
    const ofKey = (key: number): number[] => seen.filter((sequence) => sequence % 3 === key);
    for (const key of [0, 1, 2])
      t.same(
        ofKey(key),
        [...ofKey(key)].sort((a, b) => a - b),
      );
    const others = seen.filter((sequence) => sequence % 3 !== 0);
    t.ok(seen.indexOf(3) > seen.indexOf(others[5] ?? 0), 'the others did not wait');
    for (const session of sessions) session.close();
  });

  t.test(`${mode}: by key, who comes late has caught up when the last of a key came`, async (t) => {
    const topic = 'd.late';
    await join(node, topic, { subscription: 'maker' }).then((maker) => maker.close());
    for (let n = 1; n <= 3; n++) await publish(node, topic, n, { key: 'k' });
    const options = { ordering: 'key', ack_wait_ms: 60_000, start: { from: 'earliest' } };
    const session = await join(node, topic, options);
    const isCaughtUp = ({ type }: Frame): boolean => type === 'caught_up';
    for (const sequence of [1, 2]) {
      await eventually(() => session.messages.length === sequence);
      // With the first one it would have been there by now.
      if (sequence === 2) t.notOk(session.control.some(isCaughtUp));
      session.send({ type: 'ack', topic, sequence });
    }
    t.match(await session.waitFor(isCaughtUp), { topic, sequence: 3 });
    t.same(sequencesOf(session), [1, 2, 3]);
    session.close();
  });

  t.test(`${mode}: one key's burst takes no room from the others`, async (t) => {
    const topic = 'd.burst';
    const options = { ordering: 'key', ack_wait_ms: 60_000 };
    const sessions = [
      await join(node, topic, { ...options, max_in_flight: 1 }),
      await join(node, topic, { ...options, max_in_flight: 1 }),
      // An ephemeral one, without a window until it acks.
      await join(node, topic, { ...options, subscription: undefined }),
    ];
    const [first, second, alone] = sessions as [Subscriber, Subscriber, Subscriber];
    const burst = Array.from({ length: 600 }, () => ({ topic, key: 'slow', payload: 0 }));
    const others = Array.from({ length: 40 }, (_, n) => ({ topic, key: `k${n}`, payload: n }));
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ messages: [...burst, ...others] });
    const url = `${node.url}/api/publish/batch`;
    t.equal((await request(url, { method: 'POST', headers, body })).status, 200);
    await eventually(() => first.messages.length + second.messages.length === 2);
    const [held, idle] = first.messages[0]?.key === 'slow' ? [first, second] : [second, first];
    const state = async (): Promise<unknown> =>
      (await request(`${node.url}/api/subscriptions/${topic}/s`, {})).body;
    t.match(await state(), { in_flight: 2, parked: 599, ack_floor: 0, delivered: 601 });
    idle.onMessage = ({ sequence }) => idle.send({ type: 'ack', topic, sequence });
    idle.send({ type: 'ack', topic, sequence: idle.messages[0]?.['sequence'] });
    await eventually(() => idle.messages.length === others.length);
    t.equal(held.messages.length, 1);
    await eventually(() => alone.messages.length === 1 + others.length);
    // Its first ack opens its window: nothing falls out that was not sent.
    for (const { sequence } of alone.messages.splice(0).reverse()) {
      alone.send({ type: 'ack', topic, sequence });
    }
    alone.onMessage = ({ sequence }) => alone.send({ type: 'ack', topic, sequence });
    await eventually(() => alone.messages.length === burst.length - 1);
    t.same(
      sequencesOf(alone),
      burst.slice(1).map((_, n) => n + 2),
    );
    for (const session of sessions) session.close();
  });

  t.test(`${mode}: in strict order, a failure stops what follows`, async (t) => {
    const topic = 'd.strict';
    const session = await join(node, topic, { ordering: 'topic', ack_wait_ms: 60_000 });
    await publishAll(node, topic, 4);
    const seen: string[] = [];
    await eventually(() => {
      for (const message of session.messages.splice(0)) {
        const sequence = Number(message['sequence']);
        seen.push(`${sequence}.${message['attempt']}`);
        const fails = sequence === 2 && message['attempt'] === 1;
        if (fails) session.send({ type: 'nack', topic, sequence, delay_ms: 100 });
        else session.send({ type: 'ack', topic, sequence });
      }
      return seen.length === 5;
    });
    t.same(seen, ['1.1', '2.1', '2.2', '3.1', '4.1']);
    session.close();
  });

  t.test(`${mode}: one session may have several subscriptions to a topic`, async (t) => {
    const topic = 'd.several';
    const session = await join(node, topic, {});
    await session.subscribe(topic, { subscription: 'other' });
    await session.subscribe(topic);
    await publish(node, topic, 1);
    await eventually(() => session.messages.length === 3);
    const names = session.messages.map((message) => message['subscription']);
    t.same(new Set(names), new Set(['s', 'other', undefined]));
    const id = session.messages[0]?.['message_id'];
    t.match(await said(session, { type: 'ack', message_id: id }), { type: 'acked' });
    for (const subscription of ['s', 'other']) {
      const again = await said(session, { type: 'ack', topic, sequence: 1, subscription });
      t.match(again, { code: 'unknown_delivery' }, 'settled in all of them');
    }
    session.close();
  });

  t.test(`${mode}: what has expired is passed over`, async (t) => {
    const topic = 'd.ttl';
    const first = await join(node, topic, {});
    first.close();
    await publish(node, topic, 1, { ttl_ms: 50 });
    await publish(node, topic, 2);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const second = await join(node, topic, { ack_wait_ms: 200 });
    await eventually(() => second.messages.length === 1);
    t.same(sequencesOf(second), [2]);
    t.match(await said(second, { type: 'ack', topic, sequence: 2 }), { type: 'acked' });
    second.close();
  });
}

t.test('a node that is killed leaves what was not acknowledged to the next one', async (t) => {
  const env = { DATABASE_URL: postgres.url };
  const topic = 'd.restart';
  const first = await startNode(env);
  t.teardown(() => first.kill9());
  const session = await join(first, topic, { ack_wait_ms: 60_000 });
  await publishAll(first, topic, 10);
  await eventually(() => session.messages.length === 10);
  for (const sequence of [1, 2, 5, 9]) {
    t.match(await said(session, { type: 'ack', topic, sequence }), { type: 'acked' });
  }
  const dueMs = Date.now() + 3_000;
  t.match(await said(session, { type: 'nack', topic, sequence: 4, delay_ms: 3_000 }), {
    type: 'acked',
  });
  await first.kill9();
  const second = await startNode(env);
  t.teardown(() => second.kill9());
  const next = await join(second, topic, {});
  await eventually(() => next.messages.length === 6);
  t.ok(Date.now() >= dueMs, 'what waits comes when it is due');
  // On a slow machine the node takes longer to start than that.
  const others = sequencesOf(next).filter((sequence) => sequence !== 4);
  t.same(others, [3, 6, 7, 8, 10], 'in order');
  t.same(attemptsOf(next, 4), [2]);
  t.same(attemptsOf(next, 3), [1], 'the loss of a node burns no attempt');
  next.close();
});
