// Goal: what retention takes from a subscription before it was settled is told as a gap, or kept as a dead
// letter, to sessions that are there and to those that come back. In memory and durable alike.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { type Answer, request } from '../support/clients/publisher.js';
import { type Frame, Subscriber } from '../support/clients/subscriber.js';

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const database = new pg.Client({ connectionString: postgres.url });

const ask = (node: TestNode, method: string, path: string, body?: unknown): Promise<Answer> =>
  request(`${node.url}${path}`, {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

/** The log forgets the topic's messages up to `sequence`. */
type Forget = (node: TestNode, topic: string, sequence: number) => Promise<void>;

/** As a leaf's end does it, which is days away. */
const forgetRows: Forget = async (_node, topic, sequence) => {
  const moved = `UPDATE conduit.topics SET first_sequence = $2 + 1 WHERE name = $1 RETURNING id`;
  const { rows } = await database.query<{ id: string }>(moved, [topic, sequence]);
  const gone = 'DELETE FROM conduit.messages WHERE topic_id = $1 AND sequence <= $2';
  await database.query(gone, [rows[0]?.id, sequence]);
};

const forgetByBound: Forget = async (node, topic, sequence) => {
  const { body } = await ask(node, 'GET', `/api/topics/${topic}`);
  const messages = Number(body['sequence']) - sequence;
  await ask(node, 'PATCH', `/api/topics/${topic}`, { retention: { messages } });
};

/** Nothing is kept beside the log: what it forgets is nowhere. */
const NO_CACHE = { HOT_CACHE_BYTES_MAX: '0' };
const MODES: Record<string, { env: Record<string, string>; forget: Forget }> = {
  'in memory': { env: NO_CACHE, forget: forgetByBound },
  durable: { env: { ...NO_CACHE, DATABASE_URL: postgres.url }, forget: forgetRows },
};

const gapsOf = (session: Subscriber): unknown[] =>
  session.control.flatMap((frame: Frame) => frame['gap'] ?? []);

async function publish(node: TestNode, topic: string, count: number): Promise<void> {
  for (let n = 1; n <= count; n++) await ask(node, 'POST', '/api/publish', { topic, payload: n });
}

const lettersOf = async (node: TestNode, topic: string): Promise<unknown[]> =>
  (await ask(node, 'GET', `/api/dead-letters?topic=${topic}`)).body['dead_letters'] as unknown[];

await database.connect();
t.teardown(() => database.end());

// All of them first: tests that have ended end the file while a node starts.
const nodes: { mode: string; forget: Forget; node: TestNode }[] = [];
for (const [mode, { env, forget }] of Object.entries(MODES)) {
  nodes.push({ mode, forget, node: await startNode(env) });
}
const caching = await startNode();
t.teardown(() => Promise.all([...nodes.map(({ node }) => node.kill9()), caching.kill9()]));

for (const { mode, forget, node } of nodes) {
  for (const [kind, options] of Object.entries({
    durable: { subscription: 's', max_deliver: 1, ack_wait_ms: 60_000 },
    ephemeral: { max_deliver: 1, ack_wait_ms: 60_000, max_in_flight: 10 },
  })) {
    t.test(`${mode}: given up with nothing to keep, a live ${kind} session is told`, async (t) => {
      const topic = `live.${kind}`;
      const session = await Subscriber.open(node.wsUrl, 'json');
      await session.subscribe(topic, options);
      await publish(node, topic, 4);
      await eventually(() => session.messages.length === 4);
      await forget(node, topic, 2);
      for (const sequence of [1, 2, 3]) session.send({ type: 'nack', topic, sequence });
      await eventually(() => gapsOf(session).length > 0);
      const [gap] = gapsOf(session);
      t.same(gap, { from: 1, to: 2, reason: 'retention' });
      const told = session.control.find((frame) => frame['gap'] !== undefined);
      const name = kind === 'durable' ? { subscription: 's' } : {};
      const frame = { type: 'subscribed', topic, ...name, epoch: told?.['epoch'], sequence: 4 };
      t.equal(JSON.stringify(told), JSON.stringify({ ...frame, recovered: false, gap }));
      await eventually(async () => (await lettersOf(node, topic)).length === 1);
      t.match(await lettersOf(node, topic), [{ sequence: 3 }]);
      session.close();
    });
  }

  t.test(`${mode}: given up while nobody is there, who comes back is told`, async (t) => {
    const topic = 'back';
    const options = { subscription: 's', max_deliver: 1, ack_wait_ms: 60_000 };
    const session = await Subscriber.open(node.wsUrl, 'json');
    await session.subscribe(topic, options);
    await publish(node, topic, 4);
    await eventually(() => session.messages.length === 4);
    session.send({ type: 'ack', topic, sequence: 4, ref: 1 });
    await session.waitFor(({ ref }) => ref === 1);
    await forget(node, topic, 2);
    session.socket.terminate();
    await eventually(async () => (await lettersOf(node, topic)).length === 1);
    const path = `/api/subscriptions/${topic}/s`;
    t.match((await ask(node, 'GET', path)).body, { ack_floor: 4 }, 'the cursor has passed them');
    for (const told of [[{ from: 1, to: 2, reason: 'retention' }], []]) {
      const late = await Subscriber.open(node.wsUrl, 'json');
      await late.subscribe(topic, options);
      await publish(node, topic, 1);
      await eventually(() => late.messages.length === 1);
      await eventually(() => gapsOf(late).length === told.length);
      t.same(gapsOf(late), told, 'once');
      const [message] = late.messages;
      late.send({ type: 'ack', message_id: message?.['message_id'], ref: 2 });
      await late.waitFor(({ ref }) => ref === 2);
      late.close();
      await eventually(() => late.closed !== null);
    }
  });

  t.test(`${mode}: what waits for its next attempt is told when that comes`, async (t) => {
    const topic = 'waiting';
    const session = await Subscriber.open(node.wsUrl, 'json');
    await session.subscribe(topic, { subscription: 's', ack_wait_ms: 60_000 });
    await publish(node, topic, 4);
    await eventually(() => session.messages.length === 4);
    await forget(node, topic, 3);
    for (const sequence of [1, 2, 3, 4]) {
      session.send({ type: 'nack', topic, sequence, delay_ms: 0 });
    }
    await eventually(() => session.messages.length === 5);
    t.match(session.messages[4], { sequence: 4, attempt: 2 });
    await eventually(() => gapsOf(session).length > 0);
    t.match(JSON.stringify(gapsOf(session)), /"from":1/);
    t.same(await lettersOf(node, topic), []);
    session.close();
  });

  t.test(
    `${mode}: behind a key in flight, what was not sent is told to every session`,
    async (t) => {
      const topic = 'behind';
      const options = { subscription: 's', ordering: 'key', ack_wait_ms: 60_000, max_in_flight: 1 };
      const sessions: Subscriber[] = [];
      for (let n = 1; n <= 2; n++) {
        const session = await Subscriber.open(node.wsUrl, 'json');
        await session.subscribe(topic, options);
        sessions.push(session);
      }
      const all = (): Frame[] => sessions.flatMap(({ messages }) => messages);
      // Two are held, 3 to 5 wait for the first, and the rest is not taken for want of room.
      for (const key of ['a', 'b', 'a', 'a', 'a', 'c', 'd', 'e']) {
        await ask(node, 'POST', '/api/publish', { topic, key, payload: 0 });
      }
      await eventually(() => all().length === 2);
      await forget(node, topic, 7);
      const settle = (sequence: number): void => {
        for (const session of sessions) session.send({ type: 'ack', topic, sequence });
      };
      settle(2);
      await eventually(() => all().length === 3);
      t.match(all().at(-1), { sequence: 8 });
      const gap = { from: 3, to: 7, reason: 'retention' };
      for (const session of sessions) {
        await eventually(() => gapsOf(session).length > 0);
        t.same(gapsOf(session), [gap], 'once');
      }
      settle(1);
      settle(8);
      const path = `/api/subscriptions/${topic}/s`;
      await eventually(async () => (await ask(node, 'GET', path)).body['ack_floor'] === 8);
      for (const session of sessions) session.close();
    },
  );

  t.test(`${mode}: who joins others takes nothing from them that they hold`, async (t) => {
    const topic = 'joined';
    const options = { subscription: 's', ack_wait_ms: 60_000, max_in_flight: 2, max_deliver: 1 };
    const first = await Subscriber.open(node.wsUrl, 'json');
    await first.subscribe(topic, options);
    await publish(node, topic, 6);
    await eventually(() => first.messages.length === 2);
    await forget(node, topic, 4);
    const second = await Subscriber.open(node.wsUrl, 'json');
    await second.subscribe(topic, options);
    await eventually(() => second.messages.length === 2);
    for (const session of [first, second]) {
      await eventually(() => gapsOf(session).length > 0);
      t.same(gapsOf(session), [{ from: 3, to: 4, reason: 'retention' }]);
    }
    const path = `/api/subscriptions/${topic}/s`;
    t.match((await ask(node, 'GET', path)).body, { ack_floor: 0, in_flight: 4 });
    for (const session of [first, second]) session.close();
  });
}

t.test('in memory: what the node still has at hand becomes a dead letter', async (t) => {
  const node = caching;
  const topic = 'kept';
  await ask(node, 'POST', '/api/topics', { name: topic, retention: { messages: 2 } });
  const session = await Subscriber.open(node.wsUrl, 'json');
  const options = { subscription: 's', max_in_flight: 1, max_deliver: 2, ack_wait_ms: 50 };
  await session.subscribe(topic, options);
  await publish(node, topic, 6);
  await eventually(async () => (await lettersOf(node, topic)).length === 6);
  t.equal(gapsOf(session).length, 0);
  const { body } = await ask(node, 'GET', '/api/stats');
  t.equal(body['dead_lettered'], 6);
  session.close();
});
