// Goal: a node runs with the rights that docs/operations.md lists and no others; the schema is made by
// somebody else, from the SQL that `conduit migrate --print` gives; what is missing is told by name.
import pg from 'pg';
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { freePort } from '../../native-bench/rig/free-port.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { dropOldLeaves } from '../../src/log/postgres/upkeep/partitions.js';
import { Publisher, request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { runCommand } from '../support/nodes/command.js';

const postgres = await startPostgres();
const admin = new pg.Client({ connectionString: postgres.url });
await admin.connect();
t.teardown(async () => {
  await admin.end();
  await postgres.stop();
});

function urlOf(role: string): string {
  return `postgres://${role}@127.0.0.1:${postgres.port}/postgres`;
}

/** Publishes, delivers and acknowledges. */
async function works(t: Test, role: string): Promise<void> {
  const node = await startNode({ DATABASE_URL: urlOf(role), WORKERS: '1' });
  t.teardown(() => node.kill9());
  const session = await Subscriber.open(node.wsUrl, 'json');
  await session.subscribe(`of.${role}`, { subscription: 'all' });
  const publisher = new Publisher(node.url);
  t.match(await publisher.publish(`of.${role}`), { outcome: 'ok' });
  publisher.close();
  await eventually(() => session.messages.length === 1);
  session.send({ type: 'reject', message_id: session.messages[0]?.message_id, ref: 1 });
  t.match(await session.waitFor((frame) => frame['ref'] === 1), { type: 'acked' });
  session.close();
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ topic: `of.${role}`, payload: 2, delay_ms: 1 });
  const deferred = await request(`${node.url}/api/publish`, { method: 'POST', headers, body });
  t.equal(deferred.status, 202);
  await eventually(async () => {
    const { body: topic } = await request(`${node.url}/api/topics/of.${role}`, {});
    return topic['sequence'] === 2;
  });
  t.equal(await node.stop(), 0);
  t.notMatch(node.output(), /permission denied/);
}

t.test('the printed SQL makes the schema, for an owner that may make nothing else', async (t) => {
  await admin.query(`CREATE ROLE log_owner NOLOGIN; CREATE ROLE member LOGIN IN ROLE log_owner;
    CREATE ROLE reader LOGIN; CREATE SCHEMA conduit AUTHORIZATION log_owner`);
  const printed = await runCommand(['migrate', '--print']);
  t.equal(printed.code, 0);
  t.equal(printed.stderr, '');
  const before = await runCommand(['migrate', '--print'], { DATABASE_URL: urlOf('member') });
  t.equal(before.stdout, printed.stdout, 'of an empty database all is pending');
  await admin.query("SET statement_timeout = '50s'");
  const inside = "\nSELECT current_setting('statement_timeout') AS inside;\nCOMMIT;\n";
  const ran: unknown = await admin.query(
    `SET ROLE log_owner; ${printed.stdout.replace('\nCOMMIT;\n', inside)}`,
  );
  t.match(JSON.stringify(ran), '"inside":"0"', "a role's time-outs do not end it half way");
  const { rows } = await admin.query('SHOW statement_timeout');
  t.same(rows, [{ statement_timeout: '50s' }], 'and are as before behind it');
  await admin.query('RESET statement_timeout; RESET ROLE');
  await t.rejects(admin.query(printed.stdout), 'a second time it changes nothing');
  await admin.query('ROLLBACK');
  const after = await runCommand(['migrate', '--print'], { DATABASE_URL: urlOf('member') });
  t.match(after.stdout, /^-- nothing to do: the schema is up to date\n$/);
  const migrated = await runCommand(['migrate'], { DATABASE_URL: urlOf('member') });
  t.match([migrated.code, migrated.stdout], [0, /nothing to do/]);
});

t.test('a member of the owner', async (t) => works(t, 'member'));

t.test('a role that owns nothing, once it has its rights', async (t) => {
  const env = { HOST: '127.0.0.1', PORT: String(await freePort()), DATABASE_URL: urlOf('reader') };
  const line = async (): Promise<string> => {
    const { code, stderr } = await runCommand(['serve'], env);
    t.equal(code, 78);
    return stderr;
  };
  t.match(await line(), /^conduit: DATABASE_URL: .*permission denied for schema conduit/);
  const printed = await runCommand(['migrate', '--print'], { DATABASE_URL: urlOf('reader') });
  t.match([printed.code, printed.stdout], [78, /^$/]);
  t.match(printed.stderr, /^conduit: DATABASE_URL: .*permission denied for schema conduit\n$/);
  await admin.query('GRANT USAGE ON SCHEMA conduit TO reader');
  t.match(await line(), /permission denied for table migrations/);
  await admin.query('GRANT SELECT ON ALL TABLES IN SCHEMA conduit TO reader');
  t.match(await line(), /lacks DELETE on api_keys and \d+ rights more in the schema conduit/);
  await admin.query(
    `GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA conduit TO reader;
     GRANT USAGE ON ALL SEQUENCES IN SCHEMA conduit TO reader`,
  );
  t.match(await line(), /lacks EXECUTE on lock_head and 5 rights more in the schema conduit/);
  // Some revoke what PostgreSQL lets everybody do.
  await admin.query('REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA conduit FROM PUBLIC');
  t.match(
    await line(),
    /lacks EXECUTE on begin_incarnation and 12 rights more in the schema conduit/,
  );
  await admin.query('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA conduit TO reader');
  // The day after the next, which its start has to make.
  const { rows } = await admin.query<{ leaf: string }>(
    `SELECT 'conduit.messages_' || to_char((now() AT TIME ZONE 'UTC')::date + 2, 'YYYYMMDD') AS leaf`,
  );
  await admin.query(`DROP TABLE ${rows[0]?.leaf}`);
  await works(t, 'reader');
  const owner = await admin.query(
    `SELECT relowner::regrole::text AS owner FROM pg_class WHERE oid = '${rows[0]?.leaf}'::regclass`,
  );
  t.same(owner.rows, [{ owner: 'log_owner' }]);
});

t.test('days past retention are dropped by a member of the owner only', async (t) => {
  await admin.query("SELECT conduit.make_leaf((now() AT TIME ZONE 'UTC')::date - 30)");
  const drop = async (role: string): Promise<string[]> => {
    const session = new pg.Client({ connectionString: urlOf(role) });
    await session.connect();
    const { dropped } = await dropOldLeaves(session, 168).finally(() => session.end());
    return dropped;
  };
  await t.rejects(drop('reader'), /1 days past retention stay: the role of DATABASE_URL may not/);
  t.equal((await drop('member')).length, 1);
});

t.test('a schema that is behind needs somebody who may change it', async (t) => {
  await admin.query(
    'DELETE FROM conduit.migrations WHERE version = (SELECT max(version) FROM conduit.migrations)',
  );
  const { code, stderr } = await runCommand(['migrate'], { DATABASE_URL: urlOf('reader') });
  t.equal(code, 78);
  t.match(stderr, /cannot be brought up to date: .*; conduit migrate --print gives the SQL/);
});
