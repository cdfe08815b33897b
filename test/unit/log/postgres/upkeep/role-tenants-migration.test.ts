// Goal: a log that is in use gets the table of roles without a word changed in it: who published for
// `default` goes on, what waits is as it was, who may call is who could, and who named another tenant is
// told. Method: the files before that one, with data, and roles that hold rights already.
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import t from 'tap';
import { startPostgres } from '../../../../../native-bench/rig/postgres.js';
import {
  readMigrations,
  SQL_FOLDER,
} from '../../../../../src/log/postgres/upkeep/migration-files.js';
import { migrate } from '../../../../../src/log/postgres/upkeep/migrations.js';

const ITS_NAME = /_role_tenants\.sql$/;
const PUBLISH = 'conduit.publish(text, json, text, jsonb, text, timestamptz, interval, text)';

const server = await startPostgres();
const folder = await mkdtemp(path.join(tmpdir(), 'conduit-sql-'));
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
t.teardown(async () => {
  await admin.end();
  await rm(folder, { recursive: true, force: true });
  await server.stop();
});

async function fileNames(): Promise<string[]> {
  return (await readMigrations(SQL_FOLDER)).map(({ name }) => name);
}

async function as(role: string): Promise<pg.Client> {
  const url = `postgres://${role}@127.0.0.1:${server.port}/postgres`;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  t.teardown(() => client.end());
  return client;
}

async function waiting(): Promise<unknown[]> {
  const { rows } = await admin.query(
    `SELECT n.name, convert_from(o.payload, 'UTF8') AS payload, o.dedupe_key
     FROM conduit.outbox o JOIN conduit.tenants n ON n.id = o.tenant_id ORDER BY o.id`,
  );
  return rows;
}

async function grantsOf(): Promise<unknown[]> {
  const { rows } = await admin.query(
    `SELECT proacl::text, proowner::regrole::text, prosecdef FROM pg_proc
     WHERE pronamespace = 'conduit'::regnamespace AND proname = 'publish' ORDER BY oid`,
  );
  return rows;
}

t.test('a schema that is in use', async (t) => {
  const names = await fileNames();
  const before = names.slice(
    0,
    names.findIndex((name) => ITS_NAME.test(name)),
  );
  for (const name of before) await cp(path.join(SQL_FOLDER, name), path.join(folder, name));
  await admin.query(`CREATE ROLE log_owner NOLOGIN; CREATE ROLE keeper LOGIN SUPERUSER;
    CREATE ROLE shop LOGIN; CREATE SCHEMA conduit AUTHORIZATION log_owner`);
  const ofOwner = `${server.url}?options=-c%20role%3Dlog_owner`;
  await migrate(ofOwner, { folder });
  await admin.query(`GRANT USAGE ON SCHEMA conduit TO shop; GRANT EXECUTE ON FUNCTION ${PUBLISH} TO shop;
    INSERT INTO conduit.tenants (name) VALUES ('acme'), ('gone');
    INSERT INTO conduit.topics (tenant_id, name) SELECT id, 'orders' FROM conduit.tenants;
    UPDATE conduit.tenants SET name = '~' || id, deleted_at = now() WHERE name = 'gone'`);
  const shop = await as('shop');
  await shop.query(`SELECT conduit.publish('orders', '1', dedupe_key => 'k')`);
  await shop.query(`SELECT conduit.publish('orders', '2'::jsonb, tenant => 'acme')`);
  const [waited, granted] = [await waiting(), await grantsOf()];
  t.equal(waited.length, 2);

  // By somebody else than the owner, who is not asked to be a superuser.
  const ran = await migrate(server.url.replace('postgres@', 'keeper@'));
  t.ok(ran.some((name) => ITS_NAME.test(name)));
  t.same(await waiting(), waited);
  t.same(await grantsOf(), granted);

  const refused = { code: '42501', message: /the role shop may name no tenant but its own/ };
  for (const type of ['json', 'jsonb', 'text']) {
    await shop.query(`SELECT conduit.publish('orders', '3'::${type})`);
    await shop.query(`SELECT conduit.publish('orders', '3'::${type}, tenant => 'default')`);
    const named = `SELECT conduit.publish('orders', '3'::${type}, tenant => 'acme')`;
    await t.rejects(shop.query(named), refused, type);
  }
  await shop.query(`SELECT conduit.publish('orders', '1', dedupe_key => 'k')`);
  t.match((await waiting()).slice(2), Array(6).fill({ name: 'default', payload: '3' }));
  await admin.query(`SET ROLE log_owner; INSERT INTO conduit.role_tenants VALUES ('shop', 'acme');
    RESET ROLE`);
  await shop.query(`SELECT conduit.publish('orders', '4')`);
  t.match((await waiting()).at(-1), { name: 'acme', payload: '4' });
});
