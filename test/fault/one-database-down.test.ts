// Goal: of several databases one that is away costs its own topics, and nothing of the others: publishes,
// streams, acks, the start of a node. While the first is away known keys and all topics of the others work;
// topics are made when it is back.
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { Publisher } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { Exposition } from '../support/documents/exposition.js';
import { judgeLog } from '../support/log/log-checker.js';
import { runCommand } from '../support/nodes/command.js';
import { startKeyedNode, TENANT_KEY } from '../support/nodes/keyed-node.js';
import { ask, postJson, startReachable } from '../support/nodes/node-pair.js';
import { startCutProxy } from '../support/servers/cut-proxy.js';
import { namesAt, startTwoDatabases } from '../support/servers/two-databases.js';

t.setTimeout(300_000);
const databases = await startTwoDatabases(t);
const proxies = [
  await startCutProxy(databases.postgres.port),
  await startCutProxy(databases.postgres.port),
] as const;
t.teardown(() => {
  for (const proxy of proxies) proxy.close();
});
const urls = databases.urls.map((url, place) => {
  const through = new URL(url);
  through.port = String(proxies[place]?.port);
  return through.href;
});
const SECRET = 'a secret that the nodes of a test have in common';
const env = {
  ...{ DATABASE_URL: urls.join('\n  '), INTERNAL_SECRET: SECRET, WORKERS: '1' },
  ...{ KEY_TTL_S: '60', START_WAIT_MS: '20000' },
};
const node = await startReachable({ ...env, NODE_ID: 'one' });
t.teardown(() => node.kill9());
const [near = '', later = ''] = namesAt(0, 'near', 2);
const [far = '', unknown = ''] = namesAt(1, 'far', 2);

function goAway(place: 0 | 1): void {
  proxies[place].door = 'closed';
  proxies[place].cut();
}

async function comeBack(place: 0 | 1): Promise<void> {
  proxies[place].door = 'open';
  await eventually(async () => (await ask(node, '/api/health')).status === 200, 30_000);
}

async function checksOf(one: TestNode): Promise<Record<string, string>> {
  return (await ask(one, '/api/health')).body['checks'] as Record<string, string>;
}

const publish = async (topic: string, one = node): Promise<number> =>
  (await postJson(one, '/api/publish', { topic, payload: {} })).status;

const create = async (name: string): Promise<number> =>
  (await postJson(node, '/api/topics', { name })).status;

/** A durable session that acknowledges all it gets. */
async function consumer(topic: string, at = node): Promise<Subscriber> {
  const session = await Subscriber.open(at.wsUrl, 'json');
  session.onMessage = (frame) => {
    session.send({ type: 'ack', topic, sequence: frame['sequence'] });
  };
  const start = { from: 'earliest' };
  const answer = await session.subscribe(topic, { subscription: 'all', start });
  t.equal(answer.type, 'subscribed', JSON.stringify(answer));
  return session;
}

t.test('each has its topics, and an entry in health', async (t) => {
  for (const topic of [near, far, unknown]) t.equal(await create(topic), 201, topic);
  t.match(await checksOf(node), { database_1: 'ok', database_2: 'ok', log: 'ok' });
  const rows = await databases.query<{ name: string }>(1, 'SELECT name FROM conduit.topics');
  t.same(rows.map(({ name }) => name).sort(), [far, unknown].sort());
  t.same([await publish(near), await publish(far)], [200, 200]);
});

/** By what the node counts, of the database at that place from 1. */
async function openWorkers(place: number): Promise<number> {
  const seen = await Exposition.of(node);
  return seen.get(`conduit_database_open_workers{database="${place}"}`);
}

/** Both topics under load while one database is away: the other's publishers are all answered. */
async function underLoad(t: Test, place: 0 | 1): Promise<void> {
  const [own, others] = place === 0 ? [near, far] : [far, near];
  const sessions = await Promise.all([consumer(near), consumer(far)]);
  const steady = new Publisher(node.url, `steady-${place}`);
  const cut = new Publisher(node.url, `cut-${place}`);
  let isOver = false;
  const load = { connections: 4, pauseMs: 10, until: () => isOver };
  const loads = [steady.load({ ...load, topics: [others] }), cut.load({ ...load, topics: [own] })];
  await eventually(() => steady.history.length > 20 && cut.history.length > 20);
  goAway(place);
  const before = steady.history.length;
  await eventually(() => cut.history.some(({ status }) => status === 503), 20_000);
  await eventually(() => steady.history.length > before + 200, 30_000);
  await comeBack(place);
  const after = cut.history.length;
  await eventually(() => cut.history.slice(after).some(({ outcome }) => outcome === 'ok'), 30_000);
  isOver = true;
  await Promise.all(loads);
  t.same(
    steady.history.filter(({ outcome }) => outcome !== 'ok'),
    [],
    'who publishes to the other notices nothing',
  );
  const verdict = await judgeLog(databases.urls[place], cut.history);
  t.match(verdict, { lost: [], misplaced: [], broken: [], twice: [] });
  for (const [n, topic] of [near, far].entries()) {
    const session = sessions[n];
    await eventually(async () => {
      const { body } = await ask(node, `/api/subscriptions/${topic}/all`);
      return body['lag'] === 0;
    }, 20_000);
    t.same(session?.disorder, [], topic);
    session?.close();
  }
  steady.close();
  cut.close();
}

t.test('the second goes away under load, and comes back', async (t) => {
  await underLoad(t, 1);
});

t.test(
  'the second is away: what is of it is refused, by name where somebody may know',
  async (t) => {
    goAway(1);
    t.teardown(() => comeBack(1));
    await eventually(async () => (await checksOf(node))['database_2'] !== 'ok', 20_000);
    t.match(await checksOf(node), { database_1: 'ok', log: 'ok' });
    await eventually(async () => (await openWorkers(2)) === 0);
    t.ok((await openWorkers(1)) > 0, 'which is counted for itself');
    t.equal((await ask(node, '/readyz')).status, 200, 'others are served');
    t.same([await publish(near), await publish(far), await publish(unknown)], [200, 503, 503]);
    t.equal(await create(later), 201);
    const [place = ''] = namesAt(1, 'made.now', 1);
    t.equal(await create(place), 503);
    t.equal((await ask(node, '/api/topics')).status, 503, 'of all or of none');
    t.equal((await ask(node, `/api/topics/${near}`)).status, 200);
    const other = await startNode({ ...env, NODE_ID: 'two', START_WAIT_MS: '1000' });
    t.teardown(() => other.kill9());
    t.same([await publish(near, other), await publish(far, other)], [200, 503]);
    await comeBack(1);
    await eventually(async () => (await publish(far, other)) === 200, 20_000);
    t.equal(await create(place), 201);
  },
);

t.test('the first goes away under load, and comes back', async (t) => {
  await underLoad(t, 0);
});

t.test('the first is away: known keys and all topics of the others work', async (t) => {
  const keyed = await startKeyedNode({ ...env, NODE_ID: 'keyed' });
  t.teardown(() => keyed.kill9());
  const { key } = await keyed.makeKey({ scopes: ['publish'] }, TENANT_KEY);
  const byKey = async (topic: string): Promise<number> =>
    (await keyed.ask('POST /api/publish', key, { topic, payload: {} })).status;
  t.equal(await byKey(far), 200);
  goAway(0);
  t.teardown(() => comeBack(0));
  await eventually(async () => (await checksOf(node))['database_1'] !== 'ok', 20_000);
  t.same([await byKey(far), await byKey(unknown), await byKey(near)], [200, 200, 503]);
  const [name = ''] = namesAt(1, 'made.later', 1);
  t.equal(await create(name), 503);
  t.equal((await ask(node, '/readyz')).status, 200);
  const session = await consumer(far);
  await publish(far);
  await eventually(async () => {
    const had = session.sequences.get(far)?.at(-1) ?? 0;
    return had === (await ask(node, `/api/topics/${far}`)).body['sequence'];
  }, 10_000);
  session.close();
});

t.test(
  'two nodes share a durable subscription of the second, also while the first is away',
  async (t) => {
    const other = await startReachable({ ...env, NODE_ID: 'other' });
    t.teardown(() => other.kill9());
    await eventually(async () => {
      const { nodes = [] } = (await ask(node, '/api/nodes')).body as { nodes?: { id: string }[] };
      return nodes.some(({ id }) => id === 'other');
    });
    const topic = namesAt(1, 'shared', 1)[0] ?? '';
    t.equal(await create(topic), 201);
    const sessions = await Promise.all([consumer(topic, node), consumer(topic, other)]);
    const got = (): number[] =>
      sessions.flatMap(({ sequences }) => sequences.get(topic) ?? []).sort((a, b) => a - b);
    const all = (n: number): number[] => Array.from({ length: n }, (_, at) => at + 1);
    for (let n = 0; n < 20; n++) await publish(topic, n % 2 === 0 ? node : other);
    await eventually(() => got().length >= 20);
    t.same(got(), all(20), 'each message once');
    goAway(0);
    t.teardown(() => comeBack(0));
    await eventually(async () => (await checksOf(node))['database_1'] !== 'ok', 20_000);
    await eventually(async () => (await checksOf(node))['presence'] !== 'ok', 20_000);
    for (let n = 0; n < 20; n++) await publish(topic, node);
    await eventually(() => got().length >= 40, 20_000);
    t.same(got(), all(40), 'by the lease in their own database');
    for (const session of sessions) session.close();
  },
);

t.test('what DATABASE_URL must not name', async (t) => {
  const refusal = async (DATABASE_URL: string): Promise<[number | null, string]> => {
    const { code, stderr } = await runCommand(['serve'], { DATABASE_URL, START_WAIT_MS: '0' });
    return [code, stderr];
  };
  const [first, second] = databases.urls;
  const cases: [string, RegExp][] = [
    [`${second} ${first}`, /the 1st URL leads to a database that is the 2nd of several/],
    [first, /topics are in database 2, and it names 1/],
    [second, /the 1st URL leads to a database that is the 2nd of several/],
    [`${first} ${first}`, /URL 2 of 2 stands there twice/],
    [
      `${first} ${second} ${first}?application_name=x`,
      /the 3rd URL leads to a database that is the 1st/,
    ],
  ];
  for (const [url, said] of cases) {
    const [code, stderr] = await refusal(url);
    t.equal(code, 78, stderr);
    t.match(stderr, said);
  }
});
