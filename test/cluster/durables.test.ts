// Goal: a durable subscription is one, wherever its sessions sit: each message goes to one of them, in order
// by key where that was asked for; what fails comes again, also at the other node; what is asked of it by
// HTTP is done whichever node is asked.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import type { TestNode } from '../../native-bench/rig/node.js';
import { Publisher } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { JudgedGroup } from '../support/delivery/judged-group.js';
import { ask, postJson, publish, startPair } from '../support/nodes/node-pair.js';

t.setTimeout(600_000);
const pair = await startPair(t);
const { a, b } = pair;
const SETTINGS = { ack_wait_ms: 20_000 };

t.test('two nodes share one group', async (t) => {
  const group = new JudgedGroup('group.plain');
  const onA = await group.join(a, { settings: SETTINGS });
  const onB = await group.join(b, { settings: SETTINGS, format: 'msgpack' });
  group.publishAt(a, 'a');
  group.publishAt(b, 'b');
  await group.flows([onA, onB], 50);
  t.match(await group.standing(b), { sessions: 2 }, 'as either node tells');
  t.same(await group.end(b), []);
  t.equal(onA.got.length + onB.got.length, group.sent, 'each message once');
  group.close();
});

t.test('of one key one at a time, whichever node has it', async (t) => {
  const group = new JudgedGroup('group.keys');
  const settings = { ...SETTINGS, ordering: 'key' };
  const onA = await group.join(a, { settings });
  const onB = await group.join(b, { settings });
  const running = new Map<string, number>();
  const overlaps: string[] = [];
  const began = new Map<string, number[]>();
  for (const member of [onA, onB]) {
    member.answer = (frame) => {
      const key = String(frame['key']);
      const sequence = Number(frame.sequence);
      began.set(key, [...(began.get(key) ?? []), sequence]);
      if (running.has(key)) overlaps.push(`${key}: ${running.get(key)}, then ${sequence}`);
      running.set(key, sequence);
      setTimeout(() => {
        running.delete(key);
        member.say('ack', sequence);
      }, 15);
      return 'nothing';
    };
  }
  const publisher = new Publisher(b.url, 'k');
  for (let n = 0; n < 60; n++) {
    const message = { topic: group.topic, key: `key-${n % 4}`, payload: { n: `k-${n}` } };
    await postJson(b, '/api/publish', message);
  }
  await eventually(async () => (await group.standing(a))['ack_floor'] === 60);
  publisher.close();
  t.same(overlaps, []);
  t.ok(onA.got.length > 0 && onB.got.length > 0);
  for (const [key, all] of began) {
    t.same(
      all,
      [...all].sort((one, other) => one - other),
      `${key} in order`,
    );
  }
  // Of another key: whatever comes past a message that waits for its own.
  const faults = await group.end(a);
  t.same(
    faults.filter(({ kind }) => kind !== 'order'),
    [],
  );
  group.close();
});

t.test('what is refused at one node comes again, and is counted once', async (t) => {
  const group = new JudgedGroup('group.nack');
  const settings = { ...SETTINGS, max_in_flight: 4 };
  const onA = await group.join(a, { settings });
  const onB = await group.join(b, { settings });
  // Each is refused once, by whom it comes to first.
  for (const member of [onA, onB]) {
    member.answer = ({ attempt }) => (attempt === 1 ? 'nack' : 'ack');
  }
  const publisher = group.publishAt(a, 'a');
  await eventually(() => publisher.acked().length > 40);
  t.same(await group.end(b), []);
  const got = [...onA.got, ...onB.got];
  t.equal(got.filter(({ attempt }) => attempt === 2).length, group.sent);
  t.same(
    got.filter(({ attempt }) => attempt > 2),
    [],
  );
  t.ok(onB.got.length > 0);
  group.close();
});

t.test(
  'a session that dies at another node has failed once, one that leaves has not',
  async (t) => {
    for (const how of ['abrupt', 'clean'] as const) {
      const group = new JudgedGroup(`group.${how}`);
      // Long enough for a slow machine, and what the next attempt waits for.
      const onA = await group.join(a, { settings: { ack_wait_ms: 5_000, max_in_flight: 1 } });
      const onB = await group.join(b, { answer: () => 'nothing' });
      const publisher = group.publishAt(a, 'a');
      await eventually(() => publisher.acked().length > 20 && onB.got.length > 0);
      const held = new Set(onB.got.map(({ sequence }) => sequence));
      onB.end(how);
      t.same(await group.end(a), []);
      const again = onA.got.filter(({ sequence }) => held.has(sequence));
      t.same([...new Set(again.map(({ attempt }) => attempt))], [how === 'abrupt' ? 2 : 1], how);
      onA.end('clean');
    }
  },
);

t.test('exclusive takes it from sessions of all nodes, and to the node that asks', async (t) => {
  const group = new JudgedGroup('group.exclusive');
  const onA = await group.join(a, { settings: SETTINGS });
  const onB = await group.join(b, { settings: SETTINGS });
  const alone = await group.join(b, { settings: { ...SETTINGS, exclusive: true } });
  for (const other of [onA, onB]) {
    await eventually(() => other.told.some(({ reason }) => reason === 'taken_over'));
  }
  const refused = await onA.subscribe();
  t.match(refused, { type: 'error', code: 'subscription_in_use' });
  group.publishAt(a, 'a');
  await group.flows([alone]);
  t.same(await group.end(a), []);
  group.close();
});

t.test(
  'how it stands is told by whichever node is asked, also where nobody has it open',
  async (t) => {
    const topic = 'group.shown';
    await postJson(a, '/api/topics', { name: topic });
    const session = await Subscriber.open(a.wsUrl, 'json');
    t.teardown(() => session.close());
    await session.subscribe(topic, { ...SETTINGS, subscription: 's' });
    for (let n = 0; n < 3; n++) await postJson(b, '/api/publish', { topic, payload: n });
    await eventually(() => session.messages.length === 3);
    const stands = { sessions: 1, in_flight: 3, delivered: 3, backlog: 0 };
    const ofB = async (path: string) => (await ask(b, path)).body;
    // A node that is late to answer for it is told of by what the database has.
    await eventually(async () => (await ofB(`/api/subscriptions/${topic}/s`))['sessions'] === 1);
    t.match(await ofB(`/api/subscriptions/${topic}/s`), stands);
    t.match(await ofB(`/api/subscriptions?topic=${topic}`), { subscriptions: [stands] });
  },
);

t.test('it is paused and sought by whichever node is asked', async (t) => {
  const group = new JudgedGroup('group.asked');
  const onA = await group.join(a, { settings: SETTINGS });
  const onB = await group.join(b, { settings: SETTINGS });
  const publisher = group.publishAt(a, 'a');
  await group.flows([onA, onB]);
  const path = `/api/subscriptions/${group.topic}/${group.name}`;
  t.match((await postJson(b, `${path}/pause`, {})).body, { paused: true });
  t.match((await ask(a, path)).body, { paused: true });
  const before = publisher.acked().length;
  await eventually(() => publisher.acked().length > before + 20);
  t.match((await postJson(b, `${path}/resume`, {})).body, { paused: false });
  t.same(await group.end(b), []);
  const had = onA.got.length + onB.got.length;
  t.equal(had, group.sent);
  t.equal((await postJson(b, `${path}/seek`, { from: 'earliest' })).status, 200);
  await eventually(async () => (await group.standing(a))['ack_floor'] === group.sent);
  t.equal(onA.got.length + onB.got.length, 2 * had, 'all of it comes again');
  group.close();
});

t.test('whoever pulls is of the group, and settles at whichever node he asks', async (t) => {
  const topic = 'group.pulls';
  const path = `/api/subscriptions/${topic}/s`;
  const settings = { ...SETTINGS, max: 5 };
  const pull = async (node: TestNode, more: object = {}) => {
    const { status, body } = await postJson(node, `${path}/pull`, { ...settings, ...more });
    t.equal(status, 200, JSON.stringify(body));
    return body['messages'] as { sequence: number; token: string; attempt: number }[];
  };
  const settle = async (
    node: TestNode,
    what: string,
    all: readonly { token: string }[],
    more: object = {},
  ) => {
    const tokens = all.map(({ token }) => token);
    return (await postJson(node, `${path}/${what}`, { tokens, ...more })).body;
  };
  await postJson(a, '/api/topics', { name: topic });
  t.same(await pull(a), [], 'made by the first, whose node coordinates it');
  t.same(await pull(b), [], 'asked over the link');
  for (let n = 1; n <= 20; n++) await publish(b, { topic, payload: n });
  const atB = await pull(b, { wait_ms: 10_000 });
  const atA = await pull(a, { wait_ms: 10_000 });
  const sequences = [...atA, ...atB].map(({ sequence }) => sequence).sort((x, y) => x - y);
  t.same(
    sequences,
    Array.from({ length: 10 }, (_, n) => n + 1),
  );
  t.same(await settle(a, 'ack', atB), { settled: 5, unknown: [] });
  // Soon: by the back-off it would be when what others hold comes again, too.
  t.same(await settle(b, 'nack', atA, { delay_ms: 5_000 }), { settled: 5, unknown: [] });
  t.match((await ask(b, path)).body, { in_flight: 5, sessions: 2 });
  const others = await pull(b, { max: 10, wait_ms: 10_000 });
  const waiting = pull(b, { wait_ms: 20_000 });
  const again = [...(await waiting)];
  while (again.length < 5) again.push(...(await pull(b, { wait_ms: 20_000 })));
  t.ok(again.every(({ attempt }) => attempt === 2));
  t.same(await settle(b, 'ack', again), { settled: 5, unknown: [] });
  // Last: the node that coordinates is lost, and what was pulled at the other is settled all the same.
  await a.kill9();
  await eventually(async () => (await settle(b, 'ack', others))['settled'] === others.length);
  await eventually(async () => (await ask(b, path)).body['ack_floor'] === 20);
  t.same(await pull(b, { wait_ms: 100 }), []);
});
