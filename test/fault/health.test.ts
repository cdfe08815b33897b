// Goal: readiness is red when a publish would not be served, health also when what was promised does not
// move; a full disk is told by name, at once, and both are well again by themselves.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { connectionsMax } from '../../src/log/postgres/session/connection-budget.js';
import { runCommand } from '../support/nodes/command.js';
import { startCutProxy } from '../support/servers/cut-proxy.js';

/** Looks at a node that has too few connections, half a second apart. */
const FEW_TRIES = 40;

const server = await startPostgres();
const proxy = await startCutProxy(server.port);
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
const node = await startNode({
  DATABASE_URL: `postgres://postgres@127.0.0.1:${proxy.port}/postgres`,
  WORKERS: '1',
});
t.teardown(async () => {
  await node.stop();
  await admin.end();
  proxy.close();
  await server.stop();
});

interface Answer {
  status: number;
  body: {
    code?: string;
    checks?: Record<string, string>;
    workers?: { outbox: { oldest_due_ms: number } }[];
  };
}

async function ask(
  path: string,
  body?: unknown,
  at: Pick<TestNode, 'url'> = node,
): Promise<Answer> {
  const post = { method: 'POST', headers: { 'content-type': 'application/json' } };
  const init = body === undefined ? {} : { ...post, body: JSON.stringify(body) };
  const answer = await fetch(`${at.url}${path}`, init);
  return { status: answer.status, body: (await answer.json()) as Answer['body'] };
}

const publish = (topic: string): Promise<Answer> => ask('/api/publish', { topic, payload: 1 });

await ask('/api/topics', { name: 'known' });

t.test('a full disk: log_full at once, in health, over by itself', async (t) => {
  await admin.query(`CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
    END $$;
    CREATE TRIGGER no_room BEFORE INSERT ON conduit.messages FOR EACH ROW EXECUTE FUNCTION no_room()`);
  t.match(await publish('known'), { status: 503, body: { code: 'log_full' } });
  for (const path of ['/readyz', '/api/health']) {
    t.match(await ask(path), { status: 503, body: { checks: { log: /disk .* full/ } } });
  }
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  t.match(await ask('/readyz'), { status: 503 }, 'it does not end by waiting');
  await admin.query('DROP TRIGGER no_room ON conduit.messages');
  await eventually(async () => (await ask('/api/health')).status === 200, 10_000);
  t.match(await publish('known'), { status: 200 });
});

t.test(
  'a table that is missing, a privilege that is: told without a publish, over by itself',
  async (t) => {
    await admin.query('ALTER TABLE conduit.messages RENAME TO elsewhere');
    await eventually(async () => (await ask('/readyz')).status === 503, 10_000);
    for (const path of ['/readyz', '/api/health']) {
      const log = 'a table or function of the schema is missing';
      t.match(await ask(path), { status: 503, body: { checks: { log } } });
    }
    t.match(await publish('known'), { status: 503, body: { code: 'log_unavailable' } });
    await admin.query('ALTER TABLE conduit.elsewhere RENAME TO messages');
    await eventually(async () => (await ask('/api/health')).status === 200, 10_000);
    t.match(await publish('known'), { status: 200 });
  },
);

t.test('no session to look topics up: not ready', async (t) => {
  proxy.refused = /query$/;
  await admin.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ 'query$'`,
  );
  await eventually(async () => (await ask('/readyz')).status === 503, 15_000);
  t.match(await ask('/readyz'), { body: { checks: { log: 'ok', topics: /looked up/ } } });
  t.match(await publish('known.not'), { status: 503, body: { code: 'log_unavailable' } });
  proxy.refused = null;
  await eventually(async () => (await ask('/readyz')).status === 200, 10_000);
});

t.test('how long the oldest due message waits is shown', async (t) => {
  const { rows } = await admin.query("SELECT id FROM conduit.topics WHERE name = 'known'");
  // Whoever holds it releases this topic.
  await admin.query('SELECT pg_advisory_lock($1, $2)', [0x0b0c, Number(rows[0]?.id)]);
  await admin.query("SELECT conduit.publish('known', '1')");
  const dueMs = async (): Promise<number> =>
    (await ask('/api/health')).body.workers?.[0]?.outbox.oldest_due_ms ?? -1;
  await eventually(async () => (await dueMs()) > 1_500);
  t.notMatch(JSON.stringify((await ask('/api/health')).body), /"[a-z]+[A-Z]\w*":/, 'in snake_case');
  t.match(await ask('/readyz'), { status: 200 }, 'a publish is served all the same');
  await admin.query('SELECT pg_advisory_unlock_all()');
  await eventually(async () => (await dueMs()) === 0);
});

t.test(
  'a database that allows too few connections: said at the start, and not ready',
  async (t) => {
    for (let n = 0; n < FEW_TRIES; n++) await ask('/api/topics', { name: `few.${n}` });
    await admin.query('CREATE ROLE few LOGIN; GRANT USAGE ON SCHEMA conduit TO few');
    await admin.query('GRANT EXECUTE ON FUNCTION pg_control_system() TO few');
    await admin.query('GRANT ALL ON ALL TABLES IN SCHEMA conduit TO few');
    await admin.query('GRANT ALL ON ALL SEQUENCES IN SCHEMA conduit TO few');
    await admin.query('GRANT ALL ON ALL FUNCTIONS IN SCHEMA conduit TO few');
    await admin.query('ALTER ROLE few CONNECTION LIMIT 8');
    const DATABASE_URL = server.url.replace('postgres@', 'few@');
    const few = await startNode({ DATABASE_URL, WORKERS: '1', NODE_ID: 'few' });
    const { url } = few;
    await admin.query('ALTER ROLE few CONNECTION LIMIT 2');
    await admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'few'",
    );
    for (let n = 0, agreed = 0; agreed < 3; n++) {
      const ready = await ask('/readyz', undefined, { url });
      // To one that it has not met: a publish to it needs the look-up as well as the append.
      const published = await ask('/api/publish', { topic: `few.${n}`, payload: 1 }, { url });
      agreed = (published.status === 200) === (ready.status === 200) ? agreed + 1 : 0;
      await new Promise((resolve) => setTimeout(resolve, 500));
      if (n === FEW_TRIES - 1)
        throw new Error(`ready ${ready.status}, published ${published.status}`);
    }
    await admin.query('ALTER ROLE few CONNECTION LIMIT 50');
    await eventually(async () => (await ask('/readyz', undefined, few)).status === 200);
    await admin.query('REVOKE INSERT ON conduit.messages FROM few');
    await eventually(async () => (await ask('/readyz', undefined, few)).status === 503, 10_000);
    t.match(await ask('/api/health', undefined, few), { body: { checks: { log: /privilege/ } } });
    await admin.query('GRANT INSERT ON conduit.messages TO few');
    await eventually(async () => (await ask('/readyz', undefined, few)).status === 200, 10_000);
    const max = connectionsMax({ workers: 1, enableAuth: false });
    t.match(
      few.output(),
      new RegExp(`up to ${max} connections and needs 5, and role few may have 8`),
    );
    await few.stop();
    const { stdout } = await runCommand(['config'], { WORKERS: '3' });
    const three = connectionsMax({ workers: 3, enableAuth: false });
    t.match(stdout, `connections of this node: up to ${three} with WORKERS=3`);
  },
);
