// Goal: a login that was made on one node is good on the other, also after a restart; and what ends it on one
// ends it on both: within a second, as a key does.
import pg from 'pg';
import t from 'tap';
import WebSocket from 'ws';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { Browser } from '../support/browser/browser.js';
import { ADMIN_KEY, type KeyedNode, startKeyedNode } from '../support/nodes/keyed-node.js';

/** Told, or else looked up again: what comes sooner than half of KEY_TTL_S was told. */
const KEY_TTL_S = '600';

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const env = {
  ...{ DATABASE_URL: postgres.url, WORKERS: '1', KEY_TTL_S, LOGINS_PER_MINUTE_MAX: '100' },
};
const start = (name: string, more = {}): Promise<KeyedNode> =>
  startKeyedNode({ ...env, NODE_ID: name, ...more });
const [a, b] = await Promise.all([start('a'), start('b')]);
t.teardown(() => a.kill9());
t.teardown(() => b.kill9());

/** The same cookie at both. */
async function loggedIn(key: string): Promise<[Browser, Browser]> {
  const [atA, atB] = [new Browser(a.url), new Browser(b.url)];
  await atA.logIn(key);
  atB.cookie = atA.cookie;
  return [atA, atB];
}

/** A session that is open; `closed`: with which code it was closed. */
async function connected(
  browser: Browser,
  node: KeyedNode,
): Promise<{ closed: () => Promise<number> }> {
  const session = await browser.connect(node.url);
  if (!(session instanceof WebSocket)) throw new Error(String(session));
  const closed = new Promise<number>((resolve) => session.once('close', resolve));
  return { closed: () => closed };
}

const ENDS: Readonly<Record<string, (id: string, at: Browser) => Promise<unknown>>> = {
  'its key is revoked': (id) => b.ask(`DELETE /api/keys/${id}`, ADMIN_KEY),
  'its key is rotated': (id) => b.ask(`POST /api/keys/${id}/rotate`, ADMIN_KEY, { overlap_s: 0 }),
  'the browser logs out': (_id, at) => at.ask('DELETE /api/session', { origin: a.url }),
  'somebody changes the key by hand': async (id) => {
    const admin = new pg.Client({ connectionString: postgres.url });
    await admin.connect();
    await admin.query('UPDATE conduit.api_keys SET expires_at = now() WHERE id = $1', [id]);
    await admin.end();
  },
};

for (const [what, end] of Object.entries(ENDS)) {
  t.test(`both nodes end a login when ${what}`, async (t) => {
    const { id, key } = await a.makeKey({ scopes: ['subscribe'] });
    const [atA, atB] = await loggedIn(key);
    t.equal((await atB.ask('GET /api/topics')).status, 200);
    const sessions = await Promise.all([connected(atA, a), connected(atB, b)]);
    const from = performance.now();
    await end(id, atA);
    t.same(await Promise.all(sessions.map(({ closed }) => closed())), [4510, 4510]);
    t.comment(`${what}: closed after ${Math.round(performance.now() - from)} ms`);
    for (const at of [atA, atB]) {
      await eventually(async () => (await at.ask('GET /api/topics')).status === 401);
    }
  });
}

t.test('it is good after a restart, and where its configured key is the same', async (t) => {
  const [, atB] = await loggedIn(ADMIN_KEY);
  t.equal((await atB.ask('GET /api/tenants')).status, 200, 'of the other node');
  const again = await start('c');
  t.teardown(() => again.kill9());
  const at = new Browser(again.url);
  at.cookie = atB.cookie;
  t.equal((await at.ask('GET /api/tenants')).status, 200, 'of one that started later');
  const other = await start('d', { ADMIN_API_KEY: 'another-key-of-the-operator' });
  t.teardown(() => other.kill9());
  const refused = new Browser(other.url);
  refused.cookie = atB.cookie;
  t.equal((await refused.ask('GET /api/tenants')).status, 401, 'another key is not that key');
  const none = await start('e', { ADMIN_API_KEY: undefined });
  t.teardown(() => none.kill9());
  const without = new Browser(none.url);
  without.cookie = atB.cookie;
  t.equal((await without.ask('GET /api/tenants')).status, 401, 'nor is none');
});
