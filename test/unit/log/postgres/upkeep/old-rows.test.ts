// Goal: rows past their time go, whatever a snapshot keeps of those that went before; what is before the
// place where the last turn ended is found within an hour.

import pg from 'pg';
import t from 'tap';
import { startPostgres } from '../../../../../native-bench/rig/postgres.js';
import { systemClock } from '../../../../../src/core/clock.js';
import { migrate } from '../../../../../src/log/postgres/upkeep/migrations.js';
import { expiredKeys, oldReleases } from '../../../../../src/log/postgres/upkeep/old-rows.js';
import { MeasuredPool } from '../../../../support/log/measured-pool.js';

const server = await startPostgres({ synchronous_commit: 'off' });
await migrate(server.url);
t.teardown(() => server.stop());
const sessions = new pg.Pool({ connectionString: server.url, max: 1 });
t.teardown(() => sessions.end());
const pool = new MeasuredPool(sessions);
const client = new pg.Client({ connectionString: server.url });
await client.connect();
t.teardown(() => client.end());

let made = 0;
/** Keys that expired so many seconds ago. */
async function keys(rows: number, agoS: number): Promise<void> {
  made += rows;
  await client.query(
    `INSERT INTO conduit.publish_dedupe (topic_id, dedupe_key, fingerprint, sequence, message_id,
       published_at, expires_at)
     SELECT 1, n::text, '', n, gen_random_uuid(), now(), clock_timestamp() - $2 * interval '1 s'
     FROM generate_series($1::int, $3::int) n`,
    [made - rows + 1, agoS, made],
  );
}

t.test('a held snapshot makes the next purge no dearer', async (t) => {
  const old = expiredKeys(systemClock);
  const reader = new pg.Client({ connectionString: server.url });
  await reader.connect();
  t.teardown(() => reader.end());
  await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM conduit.topics');
  await keys(200, 600);
  t.equal(await old.purge(pool), 200);
  const cost = async (agoS: number): Promise<number> => {
    await keys(10, agoS);
    let purged = 0;
    const pages = await pool.pagesOf(async () => {
      purged = await old.purge(pool);
    });
    t.equal(purged, 10);
    return pages;
  };
  await cost(400);
  const before = await cost(300);
  await keys(22_000, 200);
  t.equal(await old.purge(pool), 22_000, 'in several chunks');
  await cost(100);
  const after = await cost(0);
  t.ok(after <= before + 10, `${before} pages before, ${after} after`);
});

t.test('what came before the place of the last turn goes within an hour', async (t) => {
  let nowMs = 1_000;
  const old = oldReleases({ ...systemClock, monotonic: () => nowMs });
  const release = (minutes: number): Promise<unknown> =>
    client.query(
      `INSERT INTO conduit.outbox_releases (released_at, tenant_id, topic_id, ids)
       VALUES (clock_timestamp() - $1 * interval '1 min', 1, 1, '{}')`,
      [minutes],
    );
  await release(6);
  await release(4);
  t.equal(await old.purge(pool), 1, 'what is kept for so long stays');
  await release(20);
  t.equal(await old.purge(pool), 0);
  nowMs += 3_600_001;
  t.equal(await old.purge(pool), 1);
});
