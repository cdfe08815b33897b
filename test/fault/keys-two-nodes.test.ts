// Goal: what becomes of a key on one node is known on the other within a second, to its sessions, streams
// and pulls, also when nobody could be told; and while the database is away known keys go on, while others
// are told to come back, not that they are wrong.
import pg from 'pg';
import t from 'tap';
import WebSocket from 'ws';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { makeApiKey } from '../../src/core/api-key.js';
import { EventStream } from '../support/clients/event-stream.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { ADMIN_KEY, startKeyedNode, TENANT_KEY } from '../support/nodes/keyed-node.js';

const ALL = ['publish', 'subscribe', 'manage'];
/** Told, or else looked up again: what comes sooner than half of KEY_TTL_S was told. */
const KEY_TTL_S = 600;

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const env = { DATABASE_URL: postgres.url, WORKERS: '1', KEY_TTL_S: String(KEY_TTL_S) };
const [a, b] = await Promise.all(
  ['a', 'b'].map((name) => startKeyedNode({ ...env, NODE_ID: name })),
);
if (a === undefined || b === undefined) throw new Error('two nodes');
t.teardown(() => a.kill9());
t.teardown(() => b.kill9());
const admin = new pg.Client({ connectionString: postgres.url });
admin.on('error', () => undefined);
await admin.connect();

/** On each node a session, both streams and a pull that waits; `over` gives the ms until all have ended. */
async function opened(key: string) {
  const nodes = [a, b].filter((node) => node !== undefined);
  const sessions = await Promise.all(
    [a, b].map((node) => Subscriber.open(node?.wsUrl ?? '', 'json', key)),
  );
  for (const session of sessions) await session.subscribe('shared');
  const paths = ['/api/topics/shared/events', '/api/stream'];
  const streams = await Promise.all(
    nodes.flatMap(({ url }) => paths.map((path) => EventStream.open(`${url}${path}`, '', key))),
  );
  for (const { status } of streams) t.equal(status, 200);
  const pulls: unknown[] = [];
  for (const [n, node] of nodes.entries()) {
    // One each: without INTERNAL_SECRET a durable subscription is of one node.
    const path = `/api/subscriptions/shared/pulled-${n}`;
    node.ask(`POST ${path}/pull`, key, { wait_ms: 60_000 }).then(
      ({ status }) => pulls.push(status),
      () => pulls.push('broken'),
    );
    await eventually(async () => {
      const { body } = await node.ask(`GET ${path}`, key);
      return pulls.length > 0 || body['sessions'] === 1;
    });
  }
  t.same(pulls, [], 'they wait');
  const areOver = (): boolean =>
    sessions.every(({ closed }) => closed?.code === 4510) &&
    streams.every(({ ended }) => ended !== 'no') &&
    pulls.length === nodes.length;
  return {
    areOpen: () => sessions.every(({ closed }) => closed === null),
    over: async (): Promise<number> => {
      const from = performance.now();
      await eventually(areOver);
      t.same(pulls, [401, 401], 'whoever waited is told');
      return performance.now() - from;
    },
  };
}

t.test('a key that is revoked on one node ends on both', async (t) => {
  const took: number[] = [];
  for (let n = 0; n < 5; n++) {
    const { id, key } = await a.makeKey({ scopes: ALL });
    const open = await opened(key);
    t.equal((await a.ask(`DELETE /api/keys/${id}`, ADMIN_KEY)).status, 204);
    took.push(await open.over());
    for (const node of [a, b]) t.equal((await node.ask('GET /api/topics', key)).status, 401);
  }
  t.comment(`revoke to closed on two nodes, ms: ${took.map(Math.round).join(', ')}`);
});

t.test('a key that is made on one node is good on the other at once', async (t) => {
  const { id, key } = await a.makeKey({ scopes: ALL });
  t.equal((await b.ask('GET /api/topics', key)).status, 200);
  const open = await opened(key);
  await admin.query('DELETE FROM conduit.api_keys WHERE id = $1', [id]);
  await open.over();
  t.equal((await b.ask('GET /api/topics', key)).status, 401, 'by hand, too');
});

t.test('a tenant that is deleted takes its keys along', async (t) => {
  const { key } = await b.makeTenantKey('acme');
  const session = await Subscriber.open(a.wsUrl, 'json', key);
  t.equal((await b.ask('DELETE /api/tenants/acme', ADMIN_KEY)).status, 204);
  await eventually(() => session.closed?.code === 4510);
  t.equal((await b.ask('GET /api/topics', key)).status, 401);
});

t.test('what was revoked while nobody listened is found when they listen again', async (t) => {
  const { id, key } = await a.makeKey({ scopes: ALL });
  const open = await opened(key);
  await admin.query(`BEGIN`);
  await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name ~ 'conduit/./keys'`);
  await admin.query('ALTER TABLE conduit.api_keys DISABLE TRIGGER changed');
  await admin.query('DELETE FROM conduit.api_keys WHERE id = $1', [id]);
  await admin.query('ALTER TABLE conduit.api_keys ENABLE TRIGGER changed');
  t.ok(open.areOpen());
  await admin.query('COMMIT');
  // Once more, since they may have looked while the transaction was not over.
  await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name ~ 'conduit/./keys'`);
  await open.over();
});

function upgrade(key: string): Promise<number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${a?.wsUrl}/ws`, { headers: { 'x-api-key': key } });
    socket.on('unexpected-response', (_request, { statusCode = 0 }) => resolve(statusCode));
    socket.on('error', () => undefined);
    socket.on('open', () => {
      socket.close();
      resolve(101);
    });
  });
}

t.test('while the database is away', async (t) => {
  const [known, unknown] = [await a.makeKey({ scopes: ALL }), await a.makeKey({ scopes: ALL })];
  t.equal(await upgrade(known.key), 101);
  const open = await opened(known.key);
  await postgres.kill9();
  await eventually(async () => (await upgrade(unknown.key)) === 503);
  t.match(await a.ask('GET /api/topics', unknown.key), {
    ...{ status: 503, body: { code: 'log_unavailable' }, headers: { 'retry-after': String } },
  });
  t.equal(await upgrade(known.key), 101, 'a known key goes on');
  t.equal(await upgrade(TENANT_KEY), 101, 'and a configured one');
  t.equal(await upgrade('cdt_wrong'), 401, 'what is no key is none');
  t.equal(await upgrade(makeApiKey().text), 503, 'what may be one is not refused');
  await eventually(async () => (await a.ask('GET /api/health', unknown.key)).status === 503);
  t.match(await a.ask('GET /api/health', unknown.key), { body: { status: 'degraded' } });
  t.ok(open.areOpen());
  await postgres.start();
  await eventually(async () => (await upgrade(unknown.key)) === 101);
  t.ok(open.areOpen());
  t.equal(await upgrade(makeApiKey().text), 401);
});
