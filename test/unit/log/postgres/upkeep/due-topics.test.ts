// Goal: what is due is found wherever it lies, also what was committed long after it was due, and while
// somebody holds a snapshot neither a look nor a batch costs more the more was released since.

import pg from 'pg';
import t, { type Test } from 'tap';
import { startPostgres } from '../../../../../native-bench/rig/postgres.js';
import { systemClock } from '../../../../../src/core/clock.js';
import { DEFAULT_LIMITS } from '../../../../../src/core/limits.js';
import type { LogRow } from '../../../../../src/core/message.js';
import type { TopicKey } from '../../../../../src/core/topic-key.js';
import { readIncarnation } from '../../../../../src/log/postgres/session/incarnation.js';
import type { Queryable } from '../../../../../src/log/postgres/session/queryable.js';
import { TopicStore } from '../../../../../src/log/postgres/store/topic-store.js';
import {
  type DueTopic,
  DueTopics,
  type DueTopicsOptions,
} from '../../../../../src/log/postgres/upkeep/due-topics.js';
import { migrate } from '../../../../../src/log/postgres/upkeep/migrations.js';
import { releaseBatch } from '../../../../../src/log/postgres/upkeep/release-batch.js';
import { MeasuredPool } from '../../../../support/log/measured-pool.js';
import { addOther, keyOf, OTHER } from '../../../../support/tenants/tenants.js';

const server = await startPostgres({ synchronous_commit: 'off' });
await migrate(server.url);
t.teardown(() => server.stop());
// One session: a batch is a transaction.
const sessions = new pg.Pool({ connectionString: server.url, max: 1 });
t.teardown(() => sessions.end());
const pool = new MeasuredPool(sessions);
const client = new pg.Client({ connectionString: server.url });
await client.connect();
t.teardown(() => client.end());
const incarnation = await readIncarnation(pool);
const topics = new TopicStore({ db: pool, limits: DEFAULT_LIMITS });

async function newTopic(name: string): Promise<number> {
  return (await topics.create(keyOf(name), null)).topic.id;
}

/** Rows of the outbox, due so many seconds ago, each of a later microsecond than the one before. */
async function outbox(topicId: number, rows: number, agoS = 0): Promise<void> {
  await client.query(
    `INSERT INTO conduit.outbox (tenant_id, topic_id, payload, due_at)
     SELECT tenant_id, id, convert_to(n::text, 'UTF8'), clock_timestamp() - $3 * interval '1 s'
     FROM conduit.topics, generate_series(1, $2::int) n WHERE id = $1 ORDER BY n`,
    [topicId, rows, agoS],
  );
}

/** A release whose looks at everything take as long as they are said to. */
function dueTopics(
  t: Test,
  { owns = () => true, isHere = () => true }: Partial<DueTopicsOptions> = {},
): {
  due: DueTopics;
  pass: (ms: number) => void;
  takes: (ms: number) => void;
} {
  let nowMs = 1_000;
  let lengthMs = 0;
  const slow = t.intercept(pool, 'query', {
    value: async (...args: Parameters<Queryable['query']>) => {
      if (String(args[0]).includes('RECURSIVE')) nowMs += lengthMs;
      return MeasuredPool.prototype.query.apply(pool, args);
    },
  });
  t.teardown(() => slow.restore());
  return {
    due: new DueTopics({ clock: { ...systemClock, monotonic: () => nowMs }, owns, isHere }),
    pass: (ms) => {
      nowMs += ms;
    },
    takes: (ms) => {
      lengthMs = ms;
    },
  };
}

async function releaseAll(due: DueTopics, found: readonly DueTopic[]): Promise<LogRow[]> {
  const released: LogRow[] = [];
  for (const topic of found) {
    const { topicId, dueMs } = topic;
    const batch = await releaseBatch(pool, { topicId, dueMs, incarnation, dedupeWindowMs: 1_000 });
    due.released(topic, batch.fromMs);
    released.push(...batch.rows);
  }
  return released;
}

const idsOf = (found: readonly DueTopic[]): number[] => found.map(({ topicId }) => topicId);

t.test('tenants: what is due is told with the tenant whose topic it is', async (t) => {
  await addOther(server.url);
  const twin = OTHER.keyOf('twin');
  const ids = [await newTopic('twin'), (await topics.create(twin, null)).topic.id] as const;
  const asked: TopicKey[] = [];
  const owns = (key: TopicKey): boolean => asked.push(key) > 0;
  const { due, takes } = dueTopics(t, { owns });
  takes(100);
  for (const how of ['everything', 'what fell due lately']) {
    for (const id of ids) await outbox(id, 1);
    const found = await due.look(pool);
    t.same(asked.splice(0).sort(), [keyOf('twin'), twin].sort(), how);
    const keys = new Map(found.map(({ topicId, key }) => [topicId, key]));
    t.same([keys.get(ids[0]), keys.get(ids[1])], [keyOf('twin'), twin], how);
    await releaseAll(due, found);
  }
});

t.test('a backlog is released in batches that go on where the one before ended', async (t) => {
  const [big, small] = [await newTopic('backlog.big'), await newTopic('backlog.small')];
  await outbox(big, 1_200, 3_600);
  await outbox(small, 3, 7_200);
  const { due, takes } = dueTopics(t);
  takes(100);
  const numbers: string[] = [];
  for (const expected of [[small, big], [big], [big], []]) {
    const found = await due.look(pool);
    t.same(idsOf(found), expected);
    for (const { payload } of await releaseAll(due, found)) {
      numbers.push(Buffer.from(payload).toString());
    }
  }
  const all = (rows: number): string[] => Array.from({ length: rows }, (_, n) => String(n + 1));
  t.same(numbers, [...all(3), ...all(1_200)]);
});

t.test(
  'what is committed late is found by a look at everything, as often as it is cheap',
  async (t) => {
    const topicId = await newTopic('late');
    const { due, pass, takes } = dueTopics(t);
    takes(100);
    t.same(await due.look(pool), []);
    await outbox(topicId, 1, 3_600);
    t.same(await due.look(pool), [], 'not every look is one at everything');
    await outbox(topicId, 1);
    t.equal((await releaseAll(due, await due.look(pool))).length, 1, 'what falls due now is found');
    pass(2_001);
    const found = await due.look(pool);
    t.ok(due.lateMs(found[0] as DueTopic) > 3_500_000);
    t.equal((await releaseAll(due, found)).length, 1);
    t.same(await due.look(pool), []);
    takes(1_000_000);
    pass(2_001);
    await due.look(pool);
    await outbox(topicId, 1, 3_600);
    t.same(await due.look(pool), []);
    pass(60_001);
    t.equal(
      (await releaseAll(due, await due.look(pool))).length,
      1,
      'after a minute at the latest',
    );
  },
);

t.test(
  'a topic that another has is tried again; whoever has lost his session begins anew',
  async (t) => {
    const topicId = await newTopic('held');
    const { due, takes } = dueTopics(t);
    takes(100);
    await due.look(pool);
    // By the next look it has been due for too long to be seen.
    await outbox(topicId, 2, 1.6);
    await client.query('BEGIN');
    await client.query('SELECT FROM conduit.topics WHERE id = $1 FOR NO KEY UPDATE', [topicId]);
    t.same(await releaseAll(due, await due.look(pool)), []);
    await client.query('COMMIT');
    t.equal((await releaseAll(due, await due.look(pool))).length, 2);
    await outbox(topicId, 1, 3_600);
    t.same(await due.look(pool), []);
    due.forget();
    t.same(idsOf(await due.look(pool)), [topicId]);
  },
);

t.test(
  'what the node that has it leaves for long is taken by others, each topic once',
  async (t) => {
    const [stalled, fresh] = [await newTopic('stalled'), await newTopic('stalled.fresh')];
    await client.query('DELETE FROM conduit.outbox');
    await outbox(stalled, 2, 6);
    await outbox(fresh, 1, 3);
    const isHere = (): boolean => false;
    const [one, other] = [dueTopics(t, { isHere }), dueTopics(t, { isHere })];
    const others = dueTopics(t, { isHere, owns: () => false });
    t.same(await others.due.look(pool), [], 'another worker of this node has it');
    const [found, also] = [await one.due.look(pool), await other.due.look(pool)];
    t.same([idsOf(found), idsOf(also)], [[stalled], [stalled]], 'what is fresh is left alone');
    t.equal((await releaseAll(one.due, found)).length, 2);
    t.equal((await releaseAll(other.due, also)).length, 0);
    await client.query("UPDATE conduit.outbox SET due_at = due_at - interval '3 s'");
    t.same(idsOf(await one.due.look(pool)), [fresh]);
  },
);

t.test('a look at everything that takes too long stops nothing', async (t) => {
  const topicId = await newTopic('long');
  await client.query('DELETE FROM conduit.outbox');
  await outbox(topicId, 1);
  const { due } = dueTopics(t);
  const breaks = t.intercept(pool, 'query', {
    value: async (...args: Parameters<Queryable['query']>) => {
      if (!String(args[0]).includes('RECURSIVE'))
        return MeasuredPool.prototype.query.apply(pool, args);
      return sessions.query('SET statement_timeout = 1; SELECT pg_sleep(9)');
    },
  });
  t.teardown(() => sessions.query('SET statement_timeout = 0'));
  const look = due.look(pool);
  await look.catch(() => undefined);
  breaks.restore();
  t.same(idsOf(await look), [topicId]);
});

t.test('a held snapshot makes neither a look nor a batch dearer', async (t) => {
  const [busy, other] = [await newTopic('busy'), await newTopic('other')];
  const { due, takes } = dueTopics(t);
  takes(1_000);
  await client.query('DELETE FROM conduit.outbox');
  await due.look(pool);
  const reader = new pg.Client({ connectionString: server.url });
  await reader.connect();
  t.teardown(() => reader.end());
  await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM conduit.topics');
  const costs = async (): Promise<number> => {
    await outbox(busy, 5);
    await outbox(other, 5);
    let found: DueTopic[] = [];
    const ofLook = await pool.pagesOf(async () => {
      found = await due.look(pool);
    });
    t.same(idsOf(found).sort(), [busy, other].sort());
    const ofBatch = await pool.pagesOf(() => releaseAll(due, found));
    return ofLook + ofBatch;
  };
  await costs();
  const before = await costs();
  // Released long ago, for all that the looks know.
  await outbox(busy, 20_000, 3_600);
  await client.query('DELETE FROM conduit.outbox');
  const after = await costs();
  t.ok(after <= before + 40, `${before} pages before, ${after} after`);
});
