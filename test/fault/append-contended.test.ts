// Goal: topics that two logs write at once, with sessions of either ended at any moment, keep what was
// committed: an unknown COMMIT of one session is resolved without touching another's transaction.
import pg from 'pg';
import t from 'tap';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { disorderOf, faultsOf, judgeAppends, loadAppends } from '../support/log/append-load.js';
import { makeTopics, openPostgresLog } from '../support/log/postgres-log.js';

const RUN_MS = 12_000;

const server = await startPostgres();
await migrate(server.url);
t.teardown(() => server.stop());

t.test('two logs that contend, their sessions ended at random', async (t) => {
  const one = await openPostgresLog(server.url, 'c1');
  const two = await openPostgresLog(server.url, 'c2');
  const topicIds = await makeTopics(one.log, 'contended', 6);
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  const end = performance.now() + RUN_MS;
  const load = { topicIds, publishers: 48, until: () => performance.now() > end };
  const loading = Promise.all([
    loadAppends({ log: one.log, ...load }),
    loadAppends({ log: two.log, ...load }),
  ]);
  let cuts = 0;
  while (performance.now() < end - 1_000) {
    // One session in a transaction: often one whose COMMIT is under way.
    const { rowCount } = await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name LIKE 'conduit/c_/%' AND xact_start IS NOT NULL
       ORDER BY query LIKE '%COMMIT' DESC, random() LIMIT 1`,
    );
    cuts += rowCount ?? 0;
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
  const each = await loading;
  for (const told of each) t.same(disorderOf(told), [], 'in the order of sending');
  const told = each.flat();
  await admin.end();
  await Promise.all([one.log.close(), two.log.close()]);
  const appends = told.map(({ append }) => append);
  const verdict = await judgeAppends(server.url, topicIds, appends);
  t.comment(`${verdict.committed} committed, ${cuts} sessions ended`, verdict.failed);
  t.same(faultsOf(verdict), []);
  t.ok(appends.every(({ outcome }) => outcome !== null));
  t.ok(verdict.committed > 500);
});
