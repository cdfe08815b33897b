// Goal: of every table it is decided when autovacuum looks after it; days of the log, old ones and new ones,
// are not written a second time for it; the topics, which every append locks, are not taken for it.
import pg from 'pg';
import t from 'tap';
import { startPostgres } from '../../../../../native-bench/rig/postgres.js';
import { migrate } from '../../../../../src/log/postgres/upkeep/migrations.js';

const server = await startPostgres();
await migrate(server.url);
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
t.teardown(async () => {
  await admin.end();
  await server.stop();
});

const DAY = /^messages_\d{8}$/;
/** Few rows, or none that go but with their topic, tenant or incarnation: PostgreSQL's own thresholds do. */
const LEFT = ['api_keys', 'incarnation_heads', 'incarnations', 'log_identity', 'migrations'];
const LEFT_TOO = [
  'logins',
  'moved_epochs',
  'role_tenants',
  'tenants',
  'token_secret',
  'upkeep',
  'webhooks',
];
/** threshold and share. */
const CHOSEN: Readonly<Record<string, [threshold: number, share: number]>> = {
  audit: [5_000, 0.05],
  cursors: [10_000, 0],
  dead_letters: [1_000, 0.05],
  deliveries: [1_000, 0.02],
  delivery_history: [5_000, 0.05],
  nodes: [1_000, 0],
  outbox: [1_000, 0.02],
  outbox_releases: [500, 0.05],
  publish_dedupe: [5_000, 0.05],
  quota_budgets: [5_000, 0],
  quota_holdings: [5_000, 0],
  subscriptions: [500, 0.05],
  topics: [500, 0.05],
};

async function optionsOf(): Promise<Map<string, Record<string, number>>> {
  const { rows } = await admin.query<{ name: string; options: string[] | null }>(
    `SELECT relname AS name, reloptions AS options FROM pg_class
     WHERE relnamespace = 'conduit'::regnamespace AND relkind = 'r' ORDER BY relname COLLATE "C"`,
  );
  return new Map(
    rows.map(({ name, options }) => {
      const pairs = (options ?? []).map((one) => one.split('='));
      return [name, Object.fromEntries(pairs.map(([key, value]) => [key, Number(value)]))];
    }),
  );
}

t.test('tables', async (t) => {
  const options = await optionsOf();
  const names = [...options.keys()].filter((name) => !DAY.test(name));
  t.same(names, [...LEFT, ...LEFT_TOO, ...Object.keys(CHOSEN)].sort(), 'of each it is decided');
  for (const [name, [threshold, share]] of Object.entries(CHOSEN)) {
    const { autovacuum_vacuum_threshold, autovacuum_vacuum_scale_factor } = options.get(name) ?? {};
    t.same([autovacuum_vacuum_threshold, autovacuum_vacuum_scale_factor], [threshold, share], name);
  }
});

t.test('room that topics had is kept for others', async (t) => {
  const sql = "SELECT pg_relation_size('conduit.topics') AS bytes";
  const size = async (): Promise<string | undefined> =>
    (await admin.query<{ bytes: string }>(sql)).rows[0]?.bytes;
  await admin.query(`INSERT INTO conduit.topics (tenant_id, name)
    SELECT 1, 'topic.' || n FROM generate_series(1, 5000) n`);
  const before = await size();
  await admin.query('DELETE FROM conduit.topics');
  await admin.query('VACUUM conduit.topics');
  t.equal(await size(), before);
});

t.test('days of the log', async (t) => {
  await admin.query("SELECT conduit.make_leaf((now() AT TIME ZONE 'UTC')::date + 9)");
  const days = [...(await optionsOf())].filter(([name]) => DAY.test(name));
  t.equal(days.length, 6);
  for (const [name, options] of days) {
    t.same(options, { autovacuum_vacuum_insert_threshold: -1 }, name);
  }
});
