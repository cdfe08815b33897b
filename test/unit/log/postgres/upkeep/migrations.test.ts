// Goal: migrations run once, whoever starts at the same time, and files that changed, or a newer
// database, are refused with one line and nothing changed.
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../../../../native-bench/rig/eventually.js';
import { startNode } from '../../../../../native-bench/rig/node.js';
import { startPostgres } from '../../../../../native-bench/rig/postgres.js';
import { LogConfigurationError } from '../../../../../src/log/contract/log-configuration-error.js';
import { readMigrations } from '../../../../../src/log/postgres/upkeep/migration-files.js';
import { migrate } from '../../../../../src/log/postgres/upkeep/migrations.js';
import { checkSchema, SCHEMA_TABLES } from '../../../../../src/log/postgres/upkeep/schema-check.js';
import { Subscriber } from '../../../../support/clients/subscriber.js';

const SQL_FOLDER = fileURLToPath(new URL('../../../../../../sql/', import.meta.url));

/** Migrations of the version before nodes had links to each other (sql/0024_quotas.sql is its last). */
const OLDER = 24;

const server = await startPostgres();
const folder = await mkdtemp(path.join(tmpdir(), 'conduit-sql-'));
await cp(SQL_FOLDER, folder, { recursive: true });
const names = (await readMigrations(SQL_FOLDER)).map((migration) => migration.name);
const next = `${String(names.length + 1).padStart(4, '0')}_next.sql`;
t.teardown(async () => {
  await rm(folder, { recursive: true, force: true });
  await server.stop();
});

t.test('of nodes that start together one migrates', async (t) => {
  const results = await Promise.all([migrate(server.url), migrate(server.url)]);
  t.same(results.flat(), names);
  t.same(await migrate(server.url), []);
});

t.test('health looks for the tables that they make, and for no others', async (t) => {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'conduit'::regnamespace
       AND relkind IN ('r', 'p') AND NOT relispartition
       AND relname NOT IN ('migrations', 'role_tenants') ORDER BY relname COLLATE "C"`,
  );
  t.same(
    rows.map(({ name }) => name),
    SCHEMA_TABLES,
  );
  t.equal(await checkSchema(client), 'whole');
  await client.query('DROP FUNCTION conduit.lock_heads');
  t.equal(await checkSchema(client), 'incomplete');
  await client.query('DROP SCHEMA conduit CASCADE');
  t.equal(await checkSchema(client), 'incomplete');
  await client.end();
  await migrate(server.url);
});

t.test('a migration that fails leaves nothing behind', async (t) => {
  await writeFile(path.join(folder, next), 'CREATE TABLE conduit.half (); SELECT 1 / 0;');
  await t.rejects(migrate(server.url, { folder }), { code: '22012' });
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  const { rows } = await client.query("SELECT to_regclass('conduit.half') AS half");
  await client.end();
  t.same(rows, [{ half: null }]);
});

t.test('a migration takes its time, whatever the database bounds transactions by', async (t) => {
  await writeFile(path.join(folder, next), 'SELECT pg_sleep(1.5);');
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query('CREATE DATABASE bounded');
  await client.query('ALTER DATABASE bounded SET statement_timeout = 1000');
  const { rows } = await client.query("SELECT current_setting('transaction_timeout', true) AS now");
  // From PostgreSQL 17 on.
  if (rows[0]?.now != null) {
    await client.query('ALTER DATABASE bounded SET transaction_timeout = 1000');
  }
  await client.end();
  const url = new URL(server.url);
  url.pathname = '/bounded';
  t.same(await migrate(url.href, { folder }), [...names, next]);
});

t.test('a node takes over what an older schema has, while somebody works by it', async (t) => {
  const before = await mkdtemp(path.join(tmpdir(), 'conduit-sql-'));
  t.teardown(() => rm(before, { recursive: true, force: true }));
  for (const name of names.slice(0, OLDER)) {
    await cp(path.join(SQL_FOLDER, name), path.join(before, name));
  }
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query('CREATE DATABASE older');
  await client.end();
  const url = new URL(server.url);
  url.pathname = '/older';
  t.same(await migrate(url.href, { folder: before }), names.slice(0, OLDER));
  const older = new pg.Client({ connectionString: url.href });
  await older.connect();
  t.teardown(() => older.end());
  const publishSql = 'SELECT conduit.publish($1, $2)';
  const insert = `WITH t AS (
      INSERT INTO conduit.topics (tenant_id, name) VALUES (1, 'kept') RETURNING id),
    s AS (
      INSERT INTO conduit.subscriptions (topic_id, name, ack_wait_ms, max_deliver, ordering)
      SELECT id, 'worker', 30000, 5, 'none' FROM t RETURNING id)
    INSERT INTO conduit.cursors (subscription_id, ack_floor, settled, delivered)
    SELECT id, 0, '{}', 0 FROM s`;
  await older.query(insert);
  await older.query(publishSql, ['kept', '1']);
  const node = await startNode({ DATABASE_URL: url.href });
  t.teardown(() => node.kill9());
  // A session that was open before goes on.
  await older.query(publishSql, ['kept', '2']);
  const session = await Subscriber.open(node.wsUrl, 'json');
  await session.subscribe('kept', { subscription: 'worker' });
  await eventually(() => session.messages.length === 2);
  t.same(
    session.messages.map(({ payload }) => payload),
    [1, 2],
  );
  session.close();
  t.equal(await node.stop(), 0);
});

t.test('a newer database is refused by an older version', async (t) => {
  await writeFile(path.join(folder, next), 'CREATE TABLE conduit.next ();');
  t.same(await migrate(server.url, { folder }), [next]);
  await t.rejects(migrate(server.url), LogConfigurationError);
  await t.rejects(migrate(server.url), { message: new RegExp(`${next}.*newer version$`) });
});

t.test('a file that changed after it ran is refused', async (t) => {
  await writeFile(path.join(folder, next), 'CREATE TABLE conduit.next (a int);');
  await t.rejects(migrate(server.url, { folder }), { message: /must not be changed$/ });
  await writeFile(path.join(folder, '9999_hole.sql'), '');
  await t.rejects(migrate(server.url, { folder }), LogConfigurationError);
});
