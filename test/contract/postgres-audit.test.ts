// Goal: the contract of the audit log, in PostgreSQL; and what only a database has: several who write, an
// order of commits, rows past their days.
import pg from 'pg';
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { systemClock } from '../../src/core/clock.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { oldAudit } from '../../src/log/postgres/upkeep/old-rows.js';
import { ADD_SQL, PostgresAudit } from '../../src/tenant/postgres-audit.js';
import { AUDIT_DAYS, auditStoreContract, entry } from './audit-store.js';

const ALL = { after: null, limit: 100, order: 'asc', sinceMs: null } as const;

const postgres = await startPostgres();
await migrate(postgres.url);
const admin = new pg.Client({ connectionString: postgres.url });
await admin.connect();
t.teardown(async () => {
  await admin.end();
  await postgres.stop();
});

async function open(t: Test): Promise<PostgresAudit> {
  await admin.query('DELETE FROM conduit.audit');
  const store = new PostgresAudit({ databaseUrl: postgres.url, applicationName: 'audit' });
  t.teardown(() => store.close());
  return store;
}

auditStoreContract(t, open);

t.test('who reads on behind an id misses none that somebody was still writing', async (t) => {
  const store = await open(t);
  const { entryId, requestId, ageMs, ...early } = entry({ object: 'early' });
  const row = { ...early, entry_id: entryId, request_id: requestId, age_ms: ageMs };
  await admin.query('BEGIN');
  await admin.query(ADD_SQL, [JSON.stringify([row])]);
  const late = store.add([entry({ object: 'late' })]);
  const other = new pg.Client({ connectionString: postgres.url });
  await other.connect();
  t.teardown(() => other.end());
  const isWaiting = async (): Promise<boolean> => {
    const sql = `SELECT FROM pg_stat_activity
      WHERE application_name = 'audit' AND wait_event_type = 'Lock'`;
    return (await other.query(sql)).rowCount === 1;
  };
  await eventually(isWaiting);
  const before = await other.query('SELECT FROM conduit.audit');
  t.equal(before.rowCount, 0, 'the later one is not there before the earlier one');
  await admin.query('COMMIT');
  await late;
  t.same(
    (await store.list(null, ALL)).map(({ object }) => object),
    ['early', 'late'],
  );
});

t.test('rows past their days go, in whatever number', async (t) => {
  const store = await open(t);
  await admin.query(`INSERT INTO conduit.audit
      (at, tenant, actor, address, action, object, outcome, request_id)
    SELECT now() - n * interval '1 day', 'acme', '', '', 'topic.delete', n, 'ok', gen_random_uuid()
    FROM generate_series(1, 60) n`);
  t.equal(await oldAudit(systemClock, AUDIT_DAYS).purge(admin), 31);
  const left = (await store.list(null, ALL)).map(({ object }) => Number(object));
  t.equal(left.length, AUDIT_DAYS - 1);
  t.equal(Math.max(...left), AUDIT_DAYS - 1);
});
