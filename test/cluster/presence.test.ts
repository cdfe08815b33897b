// Goal: nodes on one database know each other: who lives, who is lost and within which time; a name is one
// node's; a node that was frozen, or whose database was away, is back by itself.
import { hostname } from 'node:os';
import pg from 'pg';
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { freePort } from '../../native-bench/rig/free-port.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { Publisher, request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { judgeLog } from '../support/log/log-checker.js';
import { runCommand } from '../support/nodes/command.js';
import { ADMIN_KEY, startKeyedNode, TENANT_KEY } from '../support/nodes/keyed-node.js';

const LEASE_MS = 2_000;
/** Of this machine, whose cores others have, too: a look that is late by so much. */
const LATE_MS = 1_500;

const FROZEN_MS = 5_000;

const server = await startPostgres();
t.teardown(() => server.stop());
const admin = new pg.Client({ connectionString: server.url });
admin.on('error', () => undefined);
await admin.connect();
t.teardown(() => admin.end());

const start = async (t: Test, NODE_ID?: string): Promise<TestNode> => {
  const named = NODE_ID === undefined ? {} : { NODE_ID };
  const node = await startNode({ DATABASE_URL: server.url, WORKERS: '1', ...named });
  t.teardown(async () => {
    node.process.kill('SIGCONT');
    await node.kill9();
  });
  return node;
};

interface Listed {
  id: string;
  this: boolean;
  state: string;
  [more: string]: unknown;
}

async function nodesOf(node: TestNode): Promise<Listed[]> {
  const { body } = await request(`${node.url}/api/nodes`, {});
  return body['nodes'] as Listed[];
}

async function statesOf(node: TestNode): Promise<string> {
  return (await nodesOf(node)).map(({ id, state }) => `${id} ${state}`).join(', ');
}

const seenAs = (node: TestNode, states: string): Promise<void> =>
  eventually(async () => (await statesOf(node)) === states, 10_000);

/** By what the node itself knows of the others: work is placed by that. */
async function leaseOf(node: TestNode): Promise<unknown> {
  const { body } = await request(`${node.url}/api/health`, {});
  return (body['presence'] as { lease?: string } | undefined)?.lease;
}

t.test('three nodes: each is shown by each; one is killed, one is stopped', async (t) => {
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => start(t, name)));
  if (a === undefined || b === undefined || c === undefined) throw new Error('three nodes');
  const session = await Subscriber.open(b.wsUrl, 'json');
  await session.subscribe('shown');
  for (const node of [a, b, c]) await seenAs(node, 'a live, b live, c live');
  await eventually(async () => (await nodesOf(a))[1]?.['sessions'] === 1);
  await eventually(async () => (await nodesOf(a))[1]?.['topics'] === 1);
  const listed = await nodesOf(a);
  t.same(
    listed.map((node) => node.this),
    [true, false, false],
  );
  const { version } = (await request(`${a.url}/api/health`, {})).body;
  t.match(listed[1], { version, workers: [{ topics: 1 }], backplane: 'none' });
  t.match(listed[1]?.['address'], new RegExp(`:${b.port}$`));
  session.close();

  const killedAt = performance.now();
  await b.kill9();
  await seenAs(a, 'a live, b lost, c live');
  const tookMs = performance.now() - killedAt;
  t.comment(`a killed node is known to be lost after ${Math.round(tookMs)} ms`);
  t.ok(tookMs < LEASE_MS + LATE_MS, `${tookMs} ms`);
  t.equal(await c.stop(), 0);
  t.equal(await statesOf(a), 'a live, b lost', 'one that was stopped takes its row along');
  // Its own lease is over, or is waited for.
  const again = await start(t, 'b');
  await seenAs(a, 'a live, b live');
  t.not((await nodesOf(a))[1]?.['boot_id'], listed[1]?.['boot_id']);
  t.equal(await again.stop(), 0);
  t.equal(await a.stop(), 0);
});

t.test('a name that another node has is refused, in one line', async (t) => {
  const a = await start(t, 'taken');
  const env = { DATABASE_URL: server.url, NODE_ID: 'taken', HOST: '127.0.0.1', WORKERS: '1' };
  const second = await runCommand(['serve'], { ...env, PORT: String(await freePort()) });
  t.equal(second.code, 78);
  const lines = second.stderr.split('\n').filter((line) => line.startsWith('conduit: '));
  t.equal(lines.length, 1);
  t.match(lines[0], /^conduit: NODE_ID=taken: another node, at \S+, has this name/);
  t.match(lines[0], `:${a.port},`, 'it says where');
  t.equal((await request(`${a.url}/readyz`, {})).status, 200, 'who has it goes on');
  await a.kill9();
  const successor = await start(t, 'taken');
  t.equal(await leaseOf(successor), 'held', 'a restart waits for the end of its own lease');
  await successor.stop();
});

t.test('nodes of a host that are given no name have different ones', async (t) => {
  const [a, b] = [await start(t), await start(t)];
  const ids = (await nodesOf(a)).filter(({ state }) => state === 'live').map(({ id }) => id);
  t.equal(new Set(ids).size, 2, ids.join());
  // The host's name itself is whoever's on this host came first: of another test, too.
  const ported = [a, b].map(({ port }) => `${hostname()}-${port}`);
  const named = ids.filter((id) => id === hostname());
  t.ok(named.length < 2 && ids.every((id) => id === hostname() || ported.includes(id)), ids.join());
  await Promise.all([a.stop(), b.stop()]);
});

t.test('a node that was frozen is lost meanwhile, and back when it wakes', async (t) => {
  const [a, b] = [await start(t, 'wakes'), await start(t, 'watches')];
  a.process.kill('SIGSTOP');
  const frozenAt = performance.now();
  await seenAs(b, 'wakes lost, watches live');
  await eventually(() => performance.now() - frozenAt > FROZEN_MS);
  a.process.kill('SIGCONT');
  await seenAs(b, 'wakes live, watches live');
  await eventually(async () => (await leaseOf(a)) === 'held');
  await Promise.all([a.stop(), b.stop()]);
});

t.test('a node that wakes when its name is another one’s ends', async (t) => {
  const a = await start(t, 'heir');
  a.process.kill('SIGSTOP');
  const b = await start(t, 'heir');
  a.process.kill('SIGCONT');
  t.equal(await a.exited, 78);
  t.match(a.output(), /conduit: NODE_ID=heir: another node, at \S+, has this name/);
  t.equal((await request(`${b.url}/readyz`, {})).status, 200);
  t.equal(await leaseOf(b), 'held', 'the one that ended took nothing along');
  await b.stop();
});

t.test('PostgreSQL is killed: leases end and come back, and nothing is lost', async (t) => {
  const [a, b] = [await start(t, 'left'), await start(t, 'right')];
  await request(`${a.url}/api/topics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'restart' }),
  });
  const publishers = [new Publisher(a.url, 'a'), new Publisher(b.url, 'b')];
  let state: 'going' | 'over' = 'going';
  const loads = publishers.map((publisher) =>
    publisher.load({ topics: ['restart'], connections: 2, until: () => state === 'over' }),
  );
  await eventually(() => publishers.every(({ history }) => history.length > 50));
  await server.kill9();
  for (const node of [a, b]) await eventually(async () => (await leaseOf(node)) === 'over', 6_000);
  await server.start();
  for (const node of [a, b]) await eventually(async () => (await leaseOf(node)) === 'held', 15_000);
  await seenAs(a, 'left live, right live');
  for (const node of [a, b]) {
    await eventually(async () => (await request(`${node.url}/api/health`, {})).status === 200);
  }
  state = 'over';
  await Promise.all(loads);
  const history = publishers.flatMap((publisher) => publisher.history);
  const verdict = await judgeLog(server.url, history);
  t.same([...verdict.lost, ...verdict.phantom, ...verdict.broken, ...verdict.twice], []);
  for (const publisher of publishers) publisher.close();
  await Promise.all([a.stop(), b.stop()]);
});

t.test('nodes are shown to the operator alone; in memory a node knows itself', async (t) => {
  const alone = await startKeyedNode({ NODE_ID: 'alone' });
  t.teardown(() => alone.kill9());
  t.equal((await alone.ask('GET /api/nodes', TENANT_KEY)).status, 403);
  t.equal((await alone.ask('GET /api/nodes', null)).status, 401);
  const { status, body } = await alone.ask('GET /api/nodes', ADMIN_KEY);
  t.equal(status, 200);
  const [itself] = body['nodes'] as Listed[];
  t.match(itself, { id: 'alone', this: true, state: 'live', sessions: 0, workers: [{}, {}] });
  t.same(alone.surprises, []);
  await alone.stop();
});
