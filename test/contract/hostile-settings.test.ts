// Goal: the log and the subscription store keep their contracts whatever the defaults of the database and
// the role are; the functions bring along what their bodies rely on.

import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { openConnection, openPool } from '../../src/log/postgres/session/log-connection.js';
import { backendLives, endBackend } from '../../src/log/postgres/session/own-backends.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { openPostgresLog } from '../support/log/postgres-log.js';
import { addOther, keyOf } from '../support/tenants/tenants.js';
import { suite } from './message-log.js';
import { storeSuite } from './subscription-store.js';

/** Of those that any user may set; each breaks something where it is relied upon. */
const HOSTILE: Readonly<Record<string, string>> = {
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
  array_nulls: 'off',
  datestyle: "'German, DMY'",
  intervalstyle: "'sql_standard'",
  timezone: "'America/St_Johns'",
  bytea_output: "'escape'",
  extra_float_digits: '-15',
  standard_conforming_strings: 'off',
  transform_null_equals: 'on',
  quote_all_identifiers: 'on',
  search_path: 'hostile, pg_catalog',
  row_security: 'off',
  synchronous_commit: 'off',
  statement_timeout: '300',
  lock_timeout: '20',
  idle_in_transaction_session_timeout: '200',
  idle_session_timeout: '1000',
  xmloption: "'document'",
  client_min_messages: "'debug5'",
  jit: 'on',
};

const server = await startPostgres();
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
t.teardown(async () => {
  await admin.end();
  await server.stop();
});
const url = await makeHostile();

/** The URL of a role that owns nothing and acts for one that does. */
async function makeHostile(): Promise<string> {
  await admin.query('CREATE ROLE owner; CREATE ROLE guest LOGIN IN ROLE owner');
  await admin.query('GRANT CREATE ON DATABASE postgres TO owner');
  await admin.query('GRANT pg_read_all_settings TO owner');
  await admin.query('GRANT EXECUTE ON FUNCTION pg_control_system() TO owner');
  await admin.query('ALTER ROLE guest SET role = owner');
  const guest = server.url.replace('postgres@', 'guest@');
  await admin.query(`CREATE SCHEMA hostile; GRANT USAGE ON SCHEMA hostile TO PUBLIC;
    CREATE FUNCTION hostile.clock_timestamp() RETURNS timestamptz LANGUAGE sql
      AS $$ SELECT 'epoch'::timestamptz $$`);
  for (const [n, [name, value]] of Object.entries(HOSTILE).entries()) {
    const whose = n % 2 === 0 ? 'DATABASE postgres' : 'ROLE guest';
    await admin.query(`ALTER ${whose} SET ${name} = ${value}`);
  }
  await migrate(guest);
  await addOther(guest);
  return guest;
}

t.test('every session of ours has our settings, in the pool, too', async (t) => {
  const plain = new pg.Client({ connectionString: url });
  await plain.connect();
  const options = { databaseUrl: url, applicationName: 'conduit/hostile/w0/settings' };
  const [client, pool] = [await openConnection(options), openPool(options, 1)];
  for (const name of Object.keys(HOSTILE)) {
    const shown = async (db: Pick<pg.Client, 'query'>): Promise<string> =>
      (await db.query(`SELECT current_setting('${name}') AS value`)).rows[0].value;
    const ours = await shown(client);
    t.not(ours, await shown(plain), `${name} is ${ours}`);
    t.equal(
      (await pool.query<{ value: string }>(`SELECT current_setting('${name}') AS value`)).rows[0]
        ?.value,
      ours,
    );
  }
  await Promise.all([plain.end(), client.end(), pool.end()]);
});

t.test('a session that acts for another role ends another of its own', async (t) => {
  const options = { databaseUrl: url, applicationName: 'conduit/hostile/w0/append' };
  const [client, other] = [await openConnection(options), await openConnection(options)];
  const { rows } = await other.query('SELECT pg_backend_pid() AS pid, current_user AS role');
  t.equal(rows[0]?.role, 'owner');
  t.ok(await backendLives(client, rows[0]?.pid));
  await endBackend(client, rows[0]?.pid);
  await eventually(async () => !(await backendLives(client, rows[0]?.pid)));
  t.same((await client.query('SELECT current_user AS role')).rows, [{ role: 'owner' }]);
  await client.end();
});

let opened = 0;
const open = (limits = {}): ReturnType<typeof openPostgresLog> =>
  openPostgresLog(url, `hostile${++opened}`, limits, 'listens');

t.test('the log', async (t) => suite(t, open));

t.test('the subscription store', (t) =>
  storeSuite(t, async (limits) => {
    const { log, sink } = await open(limits);
    const count = async (table: string, where: string, id: number): Promise<number> =>
      (await admin.query(`SELECT 1 FROM conduit.${table} WHERE ${where} = $1`, [id])).rowCount ?? 0;
    return {
      ...{ log, sink, store: log.subscriptions },
      forget: async (topic, sequence) => {
        await admin.query('UPDATE conduit.topics SET first_sequence = $2 WHERE id = $1', [
          topic.id,
          sequence + 1,
        ]);
        const gone = 'DELETE FROM conduit.messages WHERE topic_id = $1 AND sequence <= $2';
        await admin.query(gone, [topic.id, sequence]);
      },
      rowsOf: async (id) => [
        await count('subscriptions', 'id', id),
        await count('cursors', 'subscription_id', id),
        await count('deliveries', 'subscription_id', id),
        await count('dead_letters', 'subscription_id', id),
      ],
    };
  }),
);

t.test('conduit.publish in the session of an application', async (t) => {
  const { log } = await open();
  await log.createTopic(keyOf('app.topic'), null);
  const app = new pg.Client({ connectionString: url });
  await app.connect();
  // More brackets than are let through unseen, some in strings: the regular expressions have to work.
  const wide = JSON.stringify(Array.from({ length: 70 }, () => ['\\"[[{']));
  const deep = `${'['.repeat(65)}${']'.repeat(65)}`;
  const publish = (topic: string, payload: string): Promise<unknown> =>
    app.query('SELECT conduit.publish($1, $2)', [topic, payload]);
  await publish('app.topic', wide);
  await t.rejects(publish('app.topic', deep), { code: '22023' }, 'too deep');
  await t.rejects(publish('app/topic', '1'), { code: '22023' }, 'not a name');
  await t.rejects(publish('app..topic', '1'), { code: '22023' }, 'two dots');
  const { rows } = await admin.query<{ name: string }>(
    `SELECT p.proname AS name FROM pg_proc p
     WHERE p.pronamespace = 'conduit'::regnamespace AND p.prosrc ~ $1
       AND NOT coalesce('standard_conforming_strings=on' = ANY (p.proconfig), false)`,
    ['\\\\'],
  );
  t.same(rows, [], 'each function with a backslash says how it is read');
  await app.end();
  await log.close();
});
