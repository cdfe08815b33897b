// Goal: a log that became another beneath its sessions is noticed, also when that was while nothing could be
// appended; what was published since the one before was last seen stands above its beginning.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../../../../native-bench/rig/eventually.js';
import { startPostgres } from '../../../../../native-bench/rig/postgres.js';
import { systemClock } from '../../../../../src/core/clock.js';
import { DatabaseClock } from '../../../../../src/core/database-clock.js';
import { OtherLog } from '../../../../../src/log/contract/subscription-store.js';
import {
  beginIncarnation,
  enterIncarnation,
  readIncarnation,
} from '../../../../../src/log/postgres/session/incarnation.js';
import { standingOn } from '../../../../../src/log/postgres/session/incarnation-check.js';
import { LogIncarnation } from '../../../../../src/log/postgres/session/log-incarnation.js';
import type { Queryable } from '../../../../../src/log/postgres/session/queryable.js';
import { migrate } from '../../../../../src/log/postgres/upkeep/migrations.js';

const UNSEEN = { incarnation: '', bytes: 0 };
const server = await startPostgres();
await migrate(server.url);
const client = new pg.Client({ connectionString: server.url });
await client.connect();
t.teardown(async () => {
  await client.end();
  await server.stop();
});

t.test(
  'an incarnation that begins while appends are not taken is entered afterwards',
  async (t) => {
    const begun: (number | null)[] = [];
    let looks = 0;
    const db: Queryable = {
      query: (statement, values) => {
        if (String(statement).includes('conduit.incarnation()')) looks++;
        if (String(statement).includes('begin_incarnation'))
          begun.push(values?.[0] as number | null);
        return client.query(statement, values);
      },
    };
    let isOpen = true;
    let changes = 0;
    const incarnation = new LogIncarnation({
      db,
      clock: new DatabaseClock(systemClock),
      isOpen: () => isOpen,
      onChanged: () => changes++,
      onTrouble: (what, error) => t.fail(`${what}: ${error}`),
    });
    t.teardown(() => incarnation.stop());
    incarnation.becomes(await beginIncarnation(client, null));
    await incarnation.start();
    const before = incarnation.epochOf(1);

    isOpen = false;
    await client.query('SELECT conduit.bump_epoch()');
    const { rows } = await client.query(
      'SELECT extract(epoch FROM clock_timestamp()) * 1000 AS ms',
    );
    const seen = looks;
    // By the third of these two are over, and both have found the new name.
    await eventually(() => looks >= seen + 3);
    t.equal(incarnation.epochOf(1), before);
    t.same(begun, []);

    isOpen = true;
    await eventually(() => changes > 0, 10_000);
    t.not(incarnation.epochOf(1), before);
    t.equal(begun.length, 1);
    const [sinceMs] = begun;
    t.ok(Number(sinceMs) < Number(rows[0]?.ms), 'it begins where the one before was last seen');
    const after = looks;
    await eventually(() => looks >= after + 2);
    t.equal(changes, 1, 'and it is told once');
  },
);

t.test('a log that was replaced beneath sessions begins where it was last looked at', async (t) => {
  const { rows } = await client.query<{ id: string; ms: number }>(`WITH t AS (
    INSERT INTO conduit.topics (tenant_id, name, base_sequence, base_published_at)
    SELECT id, 'replaced', 3, clock_timestamp() FROM conduit.tenants LIMIT 1 RETURNING id),
    m AS (INSERT INTO conduit.messages (topic_id, sequence, message_id, published_at, content_type, payload)
      SELECT t.id, n, gen_random_uuid(), clock_timestamp() - (3 - n) * interval '1 s', 0, ''
      FROM t, generate_series(1, 3) n)
    SELECT id, extract(epoch FROM clock_timestamp()) * 1000 - 500 AS ms FROM t`);
  const [{ id, ms } = { id: '', ms: 0 }] = rows;
  const heads = async (): Promise<unknown[]> => {
    const sql = `SELECT head::int FROM conduit.incarnation_heads WHERE topic_id = $1
      AND number = (SELECT max(number) FROM conduit.incarnations)`;
    return (await client.query<{ head: number }>(sql, [id])).rows.map(({ head }) => head);
  };
  await client.query('UPDATE conduit.log_identity SET mark = gen_random_uuid()');
  const { incarnation } = await enterIncarnation(client, { logOid: 0, atMs: null, wal: UNSEEN });
  t.same(await heads(), [3], 'nobody stood on another');
  const { logOid } = incarnation;
  await enterIncarnation(client, { logOid, atMs: Number(ms), wal: UNSEEN });
  t.same(await heads(), [3], 'sessions that ended appended nothing');
  await enterIncarnation(client, { logOid: logOid - 1, atMs: Number(ms), wal: UNSEEN });
  t.same(await heads(), [2]);
});

t.test('a session with another log than the one asked for is not lent again', async (t) => {
  const pool = new pg.Pool({ connectionString: server.url, max: 1 });
  t.teardown(() => pool.end());
  const name = await readIncarnation(client);
  t.equal(await standingOn(pool, name, async () => 'answered'), 'answered');
  t.equal(pool.totalCount, 1);
  const other = standingOn(pool, '0'.repeat(20), async () => 'answered');
  await t.rejects(other, new OtherLog());
  t.equal(pool.totalCount, 0);
});
