// Goal: who could read the heads of topics before sql/0019_read_head.sql can read them after it, nobody else
// can, and days are made as before. Method: the files before it, a role that owns nothing, and the rest.
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

const FILE = /_read_head\.sql$/;

const server = await startPostgres();
const folder = await mkdtemp(path.join(tmpdir(), 'conduit-sql-'));
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
t.teardown(async () => {
  await admin.end();
  await rm(folder, { recursive: true, force: true });
  await server.stop();
});

t.test('a role of a node keeps what it needs, and the owner makes days', async (t) => {
  const names = (await readMigrations(SQL_FOLDER)).map(({ name }) => name);
  const before = names.slice(
    0,
    names.findIndex((name) => FILE.test(name)),
  );
  t.not(before.length, names.length);
  for (const name of before) await cp(path.join(SQL_FOLDER, name), path.join(folder, name));
  await admin.query(`CREATE ROLE log_owner; CREATE ROLE node; CREATE ROLE stranger;
    CREATE SCHEMA conduit AUTHORIZATION log_owner`);
  await migrate(`${server.url}?options=-c%20role%3Dlog_owner`, { folder });
  await admin.query(`GRANT USAGE ON SCHEMA conduit TO node, stranger;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA conduit TO node`);
  // As whoever may do everything, who is not the owner.
  await migrate(server.url);
  const { rows } = await admin.query(`SELECT pg_get_userbyid(proowner) AS owner,
      has_function_privilege('node', oid, 'EXECUTE') AS node,
      has_function_privilege('stranger', oid, 'EXECUTE') AS stranger
    FROM pg_proc WHERE oid = 'conduit.read_head(bigint)'::regprocedure`);
  t.same(rows, [{ owner: 'log_owner', node: true, stranger: false }]);
  await admin.query(`INSERT INTO conduit.topics (tenant_id, name, base_sequence)
    VALUES (1, 't', 7)`);
  await admin.query('SET ROLE node');
  const made = "SELECT conduit.make_leaf((clock_timestamp() AT TIME ZONE 'UTC')::date + 9) AS made";
  t.same((await admin.query(made)).rows, [{ made: true }]);
  const bounds = 'SELECT * FROM conduit.read_head(1)';
  t.same((await admin.query(bounds)).rows, [{ first_sequence: '1', last_sequence: '7' }]);
  await admin.query('SET ROLE stranger');
  await t.rejects(admin.query(bounds), { code: '42501' });
  await admin.query('RESET ROLE');
});
