// Goal: the contract of tenants and keys, in PostgreSQL; and what only a database has: topics that hold a
// tenant, changes by somebody else's hand, a session that listens and breaks.
import pg from 'pg';
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { digestOf, makeApiKey, makeLogin } from '../../src/core/api-key.js';
import { systemClock } from '../../src/core/clock.js';
import { ANYONE } from '../../src/core/principal.js';
import { asTenant, type Tenant } from '../../src/core/topic-key.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { PostgresKeys } from '../../src/tenant/postgres-keys.js';
import { BOUNDS, keyStoreContract } from './key-store.js';

const ACME = asTenant('acme');
const postgres = await startPostgres();
await migrate(postgres.url);
const admin = new pg.Client({ connectionString: postgres.url });
await admin.connect();
t.teardown(async () => {
  await admin.end();
  await postgres.stop();
});

interface Opened {
  store: PostgresKeys;
  told: string[];
  quotasTold: () => number;
  /** How often it was said that any may have changed. */
  all: () => number;
}

async function open(t: Test): Promise<Opened> {
  await admin.query(
    'DELETE FROM conduit.logins; DELETE FROM conduit.topics; DELETE FROM conduit.api_keys',
  );
  await admin.query("DELETE FROM conduit.tenants WHERE name <> 'default'");
  const told: string[] = [];
  let [all, quotas] = [0, 0];
  const store = new PostgresKeys({
    ...{ databaseUrl: postgres.url, applicationName: 'keys', clock: systemClock, limits: BOUNDS },
    onChanged: (ids) => {
      if (ids === null) all++;
      else told.push(...ids);
    },
    onQuotas: () => quotas++,
    onDeaf: () => undefined,
  });
  t.teardown(() => store.close());
  await eventually(() => all > 0);
  return { store, told, quotasTold: () => quotas, all: () => all };
}

async function addKey(store: PostgresKeys, tenant: Tenant = ACME): Promise<string> {
  const { id, text } = makeApiKey();
  const right = { tenant, scopes: ['publish'], topics: null, expiresAtMs: null } as const;
  await store.add({ ...right, id, digest: digestOf(text) });
  return id;
}

keyStoreContract(t, open);

t.test(
  'a tenant with a topic stays; with a tombstone of one it goes, and its row later',
  async (t) => {
    const { store } = await open(t);
    await store.addTenant(ACME, {});
    const topic = `INSERT INTO conduit.topics (tenant_id, name)
    SELECT id, 'a' FROM conduit.tenants WHERE name = 'acme'`;
    await admin.query(topic);
    await t.rejects(store.removeTenant(ACME), { code: 'tenant_in_use' });
    await admin.query('UPDATE conduit.topics SET deleted_at = clock_timestamp()');
    await store.removeTenant(ACME);
    t.same((await store.listTenants({ after: '', limit: 9 })).length, 1);
    await store.addTenant(ACME, {});
    await admin.query("UPDATE conduit.tenants SET deleted_at = deleted_at - interval '2 days'");
    await store.removeTenant(ACME);
    const rows = async (): Promise<number | null> =>
      (await admin.query('SELECT FROM conduit.tenants')).rowCount;
    t.equal(await rows(), 3, 'the tombstone of its topic holds it');
    await admin.query("UPDATE conduit.tenants SET deleted_at = deleted_at - interval '2 days'");
    await admin.query('DELETE FROM conduit.topics');
    await store.addTenant(ACME, {});
    await store.removeTenant(ACME);
    t.equal(await rows(), 2, 'then it goes with the next one that is deleted');
  },
);

t.test("another tenant's topics hold nobody, and its keys are purged with nobody's", async (t) => {
  const { store } = await open(t);
  await store.addTenant(ACME, {});
  await admin.query(`INSERT INTO conduit.topics (tenant_id, name)
    SELECT id, 'a' FROM conduit.tenants WHERE name = 'default'`);
  await addKey(store);
  const theirs = await addKey(store, ANYONE.tenant);
  await admin.query("UPDATE conduit.api_keys SET expires_at = now() - interval '1 year'");
  const own = await addKey(store);
  const listed = async (): Promise<string[]> =>
    (await store.list(null, { after: '', limit: 9 })).map(({ id }) => id);
  t.same(await listed(), [own, theirs].sort());
  await store.removeTenant(ACME);
  t.same(await listed(), [theirs]);
  await admin.query("UPDATE conduit.tenants SET deleted_at = deleted_at - interval '2 days'");
  await store.addTenant(ACME, {});
  await store.removeTenant(ACME);
  t.equal((await admin.query('SELECT FROM conduit.tenants')).rowCount, 2, 'the older row went');
});

t.test('keys are found while those who manage keys wait for one another', async (t) => {
  const { store } = await open(t);
  await store.addTenant(ACME, {});
  const id = await addKey(store);
  await admin.query("BEGIN; SELECT FROM conduit.tenants WHERE name = 'acme' FOR UPDATE");
  const added = [addKey(store), addKey(store)];
  t.equal((await store.find([id])).length, 1);
  await admin.query('COMMIT');
  await Promise.all(added);
});

t.test('use is said without waiting for who changes one of the keys', async (t) => {
  const { store } = await open(t);
  await store.addTenant(ACME, {});
  const [changed, free] = [await addKey(store), await addKey(store)];
  await admin.query('BEGIN');
  await admin.query('UPDATE conduit.api_keys SET expires_at = NULL WHERE id = $1', [changed]);
  await store.used([changed, free]);
  await admin.query('COMMIT');
  t.equal((await store.get(changed, null))?.lastUsedAtMs, null);
  t.ok((await store.get(free, null))?.lastUsedAtMs);
});

t.test('a topic that is being made is waited for', async (t) => {
  const { store } = await open(t);
  await store.addTenant(ACME, {});
  await admin.query(`BEGIN; INSERT INTO conduit.topics (tenant_id, name)
    SELECT id, 'a' FROM conduit.tenants WHERE name = 'acme'`);
  const removed = store.removeTenant(ACME).then(
    () => 'removed',
    (error: { code?: string }) => error.code,
  );
  await admin.query('COMMIT');
  t.equal(await removed, 'tenant_in_use');
});

t.test('of two nodes that make what tokens are sealed with, both have the same', async (t) => {
  const stores = [await open(t), await open(t)];
  for (let n = 0; n < 10; n++) {
    await admin.query('DELETE FROM conduit.token_secret');
    const [one, other] = await Promise.all(stores.map(({ store }) => store.tokenSecret()));
    t.equal(one?.length, 32);
    t.same(one, other);
  }
});

t.test('a change by hand is told, whatever changed', async (t) => {
  const { store, told } = await open(t);
  await store.addTenant(ACME, {});
  const id = await addKey(store);
  const changes = [
    "scopes = '{manage}'",
    "topics = '{a}'",
    'expires_at = now()',
    'digest = digest',
  ];
  for (const [n, change] of changes.entries()) {
    await admin.query(`UPDATE conduit.api_keys SET ${change}`);
    await eventually(() => told.length === n + 1);
  }
  await admin.query('UPDATE conduit.api_keys SET last_used_at = now()');
  await admin.query('DELETE FROM conduit.api_keys');
  await eventually(() => told.length >= changes.length + 1);
  t.same(told, Array(changes.length + 1).fill(id), 'and a use is not');
});

t.test('a change of a key by hand is told of its logins, too', async (t) => {
  const { store, told } = await open(t);
  await store.addTenant(ACME, {});
  const keyId = await addKey(store);
  const { id, text } = makeLogin();
  const login = { id, digest: digestOf(text), of: { keyId }, lifeMs: 60_000, replaces: null };
  await store.logins.add(login);
  await admin.query("UPDATE conduit.api_keys SET scopes = '{manage}'");
  await eventually(() => told.includes(id));
  t.match(await store.logins.find([id]), [{ of: { scopes: ['manage'] } }]);
  const { rows } = await admin.query('SELECT * FROM conduit.logins');
  t.notMatch(JSON.stringify(rows), text.split('_')[2] ?? '', 'what it shows is not kept');
});

t.test('when its session broke, any may have changed', async (t) => {
  const { all } = await open(t);
  await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'keys'`);
  await eventually(() => all() === 2);
  t.equal(all(), 2);
});

t.test('without a secret nothing is sealed', async (t) => {
  const { store } = await open(t);
  await admin.query(`DELETE FROM conduit.token_secret;
    CREATE FUNCTION keep_none() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER keeps_none BEFORE INSERT ON conduit.token_secret
      FOR EACH ROW EXECUTE FUNCTION keep_none()`);
  await t.rejects(store.tokenSecret(), { message: /token_secret has no row/ });
  await admin.query('DROP FUNCTION keep_none() CASCADE');
  t.equal((await store.tokenSecret()).length, 32);
});
