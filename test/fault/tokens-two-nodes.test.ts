// Goal: a token that one node made is good on the others of the installation, after their restart, too;
// and when the API key that it came of is revoked on one, it is over on all within a second.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { EventStream } from '../support/clients/event-stream.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { ADMIN_KEY, startKeyedNode, TENANT_KEY } from '../support/nodes/keyed-node.js';

/** Told, or else looked up again: what comes sooner than half of KEY_TTL_S was told. */
const KEY_TTL_S = 600;
const READS = { topics: ['orders.*'] };
const LINE = 'GET /api/topics/orders.a';

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const env = { DATABASE_URL: postgres.url, WORKERS: '1', KEY_TTL_S: String(KEY_TTL_S) };
const [a, b] = await Promise.all(
  ['a', 'b'].map((name) => startKeyedNode({ ...env, NODE_ID: name })),
);
if (a === undefined || b === undefined) throw new Error('two nodes');
t.teardown(() => a.kill9());
t.teardown(() => b.kill9());
await a.ask('POST /api/topics', TENANT_KEY, { name: 'orders.a' });

t.test('both started at once, and have one secret', async (t) => {
  for (const [maker, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const { key } = await maker.makeKey({ scopes: ['subscribe'] });
    for (const by of [key, TENANT_KEY]) {
      t.equal((await other.ask(LINE, await maker.makeToken(by, READS))).status, 200);
    }
  }
});

t.test('a key that is revoked on one node ends its tokens on both', async (t) => {
  const took: number[] = [];
  for (let n = 0; n < 5; n++) {
    const { id, key } = await a.makeKey({ scopes: ['subscribe', 'publish'] });
    const token = await a.makeToken(key, READS);
    const sessions = await Promise.all(
      [a, b].map(({ wsUrl }) => Subscriber.open(wsUrl, 'json', token)),
    );
    for (const session of sessions) await session.subscribe('orders.a');
    const streams = await Promise.all(
      [a, b].map(({ url }) => EventStream.open(`${url}/api/topics/orders.a/events`, '', token)),
    );
    const from = performance.now();
    t.equal((await a.ask(`DELETE /api/keys/${id}`, ADMIN_KEY)).status, 204);
    await eventually(
      () =>
        sessions.every(({ closed }) => closed?.code === 4510) &&
        streams.every(({ ended }) => ended !== 'no'),
    );
    took.push(performance.now() - from);
    for (const node of [a, b]) t.equal((await node.ask(LINE, token)).status, 401);
  }
  t.comment(`revoke to closed on two nodes, ms: ${took.map(Math.round).join(', ')}`);
});

t.test('a token that only requests had is over with its key, too', async (t) => {
  const { id, key } = await a.makeKey({ scopes: ['subscribe'] });
  const token = await b.makeToken(key, READS);
  for (const node of [a, b, a, b]) t.equal((await node.ask(LINE, token)).status, 200);
  t.equal((await b.ask(`DELETE /api/keys/${id}`, ADMIN_KEY)).status, 204);
  await eventually(async () => (await a.ask(LINE, token)).status === 401);
  await eventually(async () => (await b.ask(LINE, token)).status === 401);
});

t.test('after a restart, and while the database is away, tokens go on', async (t) => {
  const { key } = await a.makeKey({ scopes: ['subscribe'] });
  const token = await a.makeToken(key, READS);
  t.equal(await b.stop(), 0);
  const again = await startKeyedNode({ ...env, NODE_ID: 'b' });
  t.teardown(() => again.kill9());
  t.equal((await again.ask(LINE, token)).status, 200);
  await postgres.kill9();
  const opened = await Subscriber.open(again.wsUrl, 'json', token);
  t.equal(opened.closed, null, 'its key is known');
  const unseen = await a.makeToken(TENANT_KEY, READS);
  const session = await Subscriber.open(again.wsUrl, 'json', unseen);
  t.equal(session.closed, null, 'nobody need be asked of a configured one');
  await postgres.start();
  opened.close();
  session.close();
});
