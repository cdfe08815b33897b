// Goal: whoever holds one topic's row delays that topic only, and its publishers are told in time.
// Method: PostgreSQL notes every wait for a lock that is longer than a millisecond, and whose session waits.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import t from 'tap';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import type { Told } from '../support/log/append-load.js';
import { faultsOf, judgeAppends, loadAppends } from '../support/log/append-load.js';
import { makeTopics, openPostgresLog } from '../support/log/postgres-log.js';

const LOCK_SQL = 'SELECT 1 FROM conduit.topics WHERE id = ANY($1::bigint[]) FOR UPDATE';
const HELD_MS = 4_000;
const PUBLISHERS = 16;

const server = await startPostgres({
  log_lock_waits: 'on',
  deadlock_timeout: '1ms',
  log_line_prefix: '%a:',
});
await migrate(server.url);
t.teardown(() => server.stop());

/** The applications whose sessions waited for a row, or for who has it. */
function waited(): string[] {
  const lines = readFileSync(path.join(server.dataDir, '../log'), 'utf8').matchAll(
    /^([^:\n]*):.* still waiting for \w+ on (?:transaction|tuple)/gm,
  );
  return [...new Set([...lines].map(([, application = '']) => application))].sort();
}

t.test('rows that are held leave other topics alone; theirs are told topic_busy', async (t) => {
  const { log } = await openPostgresLog(server.url, 'held');
  const free = await makeTopics(log, 'free', 10);
  const held = await makeTopics(log, 'held', 8);
  const publish = async (ms: number): Promise<Told[]> => {
    const end = performance.now() + ms;
    const until = (): boolean => performance.now() > end;
    return loadAppends({ log, topicIds: held, publishers: PUBLISHERS, until });
  };
  const holder = new pg.Client({ connectionString: server.url });
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query(LOCK_SQL, [held]);
  let over = false;
  const others = loadAppends({ log, topicIds: free, publishers: 32, until: () => over });
  const blocked = await publish(HELD_MS);
  over = true;
  const during = await others;
  const waiters = waited();
  await holder.query('ROLLBACK');
  const after = await publish(1_000);
  await holder.end();
  await log.close();
  t.match(waiters, [/^conduit\/held\/w0\/wait/], 'nobody waits but those that are there to wait');
  t.notOk(waiters.includes('conduit/held/w0/append'), 'a batch waits for nobody');
  // Those that are sent to a topic that is waited for already may wait for a moment only.
  for (const one of blocked.slice(0, PUBLISHERS)) {
    t.ok(answeredWithin(during, one) > 100, 'meanwhile the others are answered');
  }
  const waits = blocked.map(({ sentAtMs, answeredAtMs }) => answeredAtMs - sentAtMs);
  t.ok(Math.max(...waits) < 10_000, `longest wait ${Math.round(Math.max(...waits))} ms`);
  const all = [...during, ...blocked, ...after].map(({ append }) => append);
  const verdict = await judgeAppends(server.url, [...free, ...held], all);
  t.comment('', verdict.failed);
  t.same(faultsOf(verdict), []);
  t.same(Object.keys(verdict.failed), ['topic_busy']);
  t.ok(during.every(({ append }) => append.outcome?.kind === 'committed'));
  t.ok(after.slice(-PUBLISHERS).every(({ append }) => append.outcome?.kind === 'committed'));
});

/** How many were sent and answered while this one waited. */
function answeredWithin(others: readonly Told[], { sentAtMs, answeredAtMs }: Told): number {
  return others.filter((other) => other.sentAtMs >= sentAtMs && other.answeredAtMs <= answeredAtMs)
    .length;
}
