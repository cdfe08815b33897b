// Goal: whoever holds one topic's row delays that topic only, and its publishers are told in time.
import pg from 'pg';
import t from 'tap';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import type { Told } from '../support/append-load.js';
import { faultsOf, judgeAppends, loadAppends } from '../support/append-load.js';
import { startPostgres } from '../support/postgres.js';
import { makeTopics, openPostgresLog } from '../support/postgres-log.js';

const LOCK_SQL = 'SELECT 1 FROM conduit.topics WHERE id = ANY($1::bigint[]) FOR UPDATE';

const server = await startPostgres();
await migrate(server.url);
t.teardown(() => server.stop());

function percentile(told: readonly Told[], share: number): number {
  const waits = told.map(({ sentAtMs, answeredAtMs }) => answeredAtMs - sentAtMs);
  return waits.sort((a, b) => a - b)[Math.floor((waits.length - 1) * share)] ?? 0;
}

t.test('rows held for 10 s leave other topics alone; theirs are told topic_busy', async (t) => {
  const { log } = await openPostgresLog(server.url, 'held');
  const free = await makeTopics(log, 'free', 10);
  const held = await makeTopics(log, 'held', 8);
  const run = (topicIds: number[], ms: number, publishers: number): Promise<Told[]> => {
    const end = performance.now() + ms;
    return loadAppends({ log, topicIds, publishers, until: () => performance.now() > end });
  };
  const before = await run(free, 3_000, 32);
  const holder = new pg.Client({ connectionString: server.url });
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query(LOCK_SQL, [held]);
  const [during, blocked] = await Promise.all([run(free, 10_000, 32), run(held, 10_000, 16)]);
  await holder.query('ROLLBACK');
  const after = await run(held, 1_000, 16);
  await holder.end();
  await log.close();
  const [calm, busy] = [percentile(before, 0.99), percentile(during, 0.99)];
  t.comment(
    `p99 of free topics ${calm.toFixed(1)} ms, while others are held ${busy.toFixed(1)} ms`,
  );
  t.ok(busy < Math.max(2 * calm, 20), 'p99 of free topics');
  t.ok(percentile(blocked, 1) < 10_000, `longest wait ${Math.round(percentile(blocked, 1))} ms`);
  const all = [...before, ...during, ...blocked, ...after].map(({ append }) => append);
  const verdict = await judgeAppends(server.url, [...free, ...held], all);
  t.comment('', verdict.failed);
  t.same(faultsOf(verdict), []);
  t.same(Object.keys(verdict.failed), ['topic_busy']);
  t.ok(during.every(({ append }) => append.outcome?.kind === 'committed'));
  t.ok(after.slice(-16).every(({ append }) => append.outcome?.kind === 'committed'));
});
