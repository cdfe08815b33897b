// Goal: the contract of leases of quotas, by PostgreSQL; and what only a database has: its clock, which may
// be set, a snapshot that somebody holds, rows that nobody needs any more.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { systemClock } from '../../src/core/clock.js';
import { asTenant } from '../../src/core/topic-key.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { PostgresLeases } from '../../src/tenant/postgres-leases.js';
import { leaseStoreContract } from './lease-store.js';

const postgres = await startPostgres();
await migrate(postgres.url);
const admin = new pg.Client({ connectionString: postgres.url });
await admin.connect();
const open = (name: string, clock = systemClock): PostgresLeases =>
  new PostgresLeases({ databaseUrl: postgres.url, applicationName: name, clock });
const stores = [open('a'), open('b')] as const;
t.teardown(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await admin.end();
  await postgres.stop();
});

/** What is stored is so much older: the same as if the clock of the database went on. */
async function later(ms: number): Promise<void> {
  const by = `${ms} * interval '1 ms'`;
  await admin.query(`UPDATE conduit.quota_budgets SET filled_at = filled_at - ${by}`);
  await admin.query(`UPDATE conduit.quota_holdings SET until = until - ${by}`);
}

/** A minute begins with full buckets: not while a test looks into one. */
async function awayFromTheMinute(): Promise<void> {
  await eventually(async () => {
    const { rows } = await admin.query<{ fits: boolean }>(
      'SELECT extract(second FROM clock_timestamp()) < 55 AS fits',
    );
    return rows[0]?.fits === true;
  });
}

leaseStoreContract(t, async () => {
  await awayFromTheMinute();
  return { stores, later };
});

const ASK = {
  ...{ holder: 'a', counts: [] },
  rates: [{ tenant: asTenant('jumps'), rate: 'messagesPerS', perS: 100, wanted: 1_000 }],
} as const;

t.test('a clock of the database that jumps gives no more than may be saved up', async (t) => {
  await awayFromTheMinute();
  const take = async (): Promise<number> => (await stores[0].lease(ASK)).granted[0] ?? -1;
  await take();
  await later(3_600_000);
  t.equal(await take(), 50, 'an hour on');
  await later(-3_600_000);
  t.equal(await take(), 0, 'an hour back: nothing came meanwhile');
  await later(200);
  const after = await take();
  t.ok(after >= 20 && after <= 50, `${after}: and it goes on from there`);
});

t.test('a minute begins with a full bucket, and that before it goes', async (t) => {
  await admin.query("UPDATE conduit.quota_budgets SET minute = minute - 3 WHERE tenant = 'jumps'");
  t.same((await stores[0].lease(ASK)).granted, [50]);
  let nowMs = 0;
  const store = open('c', { ...systemClock, monotonic: () => nowMs });
  t.teardown(() => store.close());
  await admin.query("UPDATE conduit.quota_holdings SET until = until - interval '1 hour'");
  nowMs = 61_000;
  await store.lease(ASK);
  const { rows } = await admin.query(`SELECT
      count(*) FILTER (WHERE minute > extract(epoch FROM clock_timestamp()) / 60 - 2) > 0 AS has_new,
      count(*) FILTER (WHERE minute < extract(epoch FROM clock_timestamp()) / 60 - 2.5) AS old
    FROM conduit.quota_budgets WHERE tenant = 'jumps'`);
  t.same(rows, [{ has_new: true, old: '0' }]);
  t.equal((await admin.query('SELECT FROM conduit.quota_holdings')).rowCount, 0);
});

t.test(
  'two nodes that ask for many tenants in any order do not wait for one another',
  async (t) => {
    const names = Array.from({ length: 40 }, (_, n) => asTenant(`many-${n}`));
    const ask = (holder: string, of: typeof names) => ({
      holder,
      rates: of.map((tenant) => ({ tenant, rate: 'bytesPerS', perS: 10, wanted: 1 }) as const),
      counts: of.map((tenant) => ({ tenant, counted: 'sessions', max: 9, used: 1 }) as const),
    });
    const asks = Array.from({ length: 20 }, (_, n) =>
      stores[n % 2 === 0 ? 0 : 1].lease(
        ask(`h${n % 2}`, n % 2 === 0 ? names : [...names].reverse()),
      ),
    );
    for (const { granted, held } of await Promise.all(asks)) {
      t.equal(granted.length, 40);
      t.ok(held.every((one) => one >= 1));
    }
  },
);
