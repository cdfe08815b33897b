// Goal: what the log counts of moves of heads can be believed, so that a look need not look at topics that
// stand still: who has counted and not committed yet keeps the count from being settled, whatever moves a
// head or ends a topic counts, and a look misses nothing that came beside it.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { systemClock } from '../../src/core/clock.js';
import { DatabaseClock } from '../../src/core/database-clock.js';
import { DEFAULT_LIMITS } from '../../src/core/limits.js';
import { topicNameOf } from '../../src/core/topic-key.js';
import type { TopicRecord } from '../../src/core/topic-record.js';
import type { HeadMoves } from '../../src/log/contract/head-moves.js';
import { PostgresLog } from '../../src/log/postgres/postgres-log.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { HeadLook } from '../../src/topic/log/head-look.js';
import { Figures } from '../../src/topic/state/figures.js';
import { HotCacheBudget } from '../../src/topic/state/hot-cache.js';
import type { Topic } from '../../src/topic/state/subscription.js';
import { Topics } from '../../src/topic/state/topics.js';
import { newTopic, type OpenLog, put, text } from './message-log.js';
import { RecordingSink, TestAppend } from './recording-sink.js';

const server = await startPostgres();
await migrate(server.url);
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
const sink = new RecordingSink();
const log = new PostgresLog<TestAppend>({
  databaseUrl: server.url,
  applicationName: 'test/moves',
  limits: DEFAULT_LIMITS,
  clock: new DatabaseClock(systemClock),
  sink,
  onTrouble: (what, error) => t.fail(`${what}: ${String(error)}`),
  notify: true,
  owns: () => true,
  isHere: () => true,
  keepsUp: () => true,
});
await log.open();
t.teardown(async () => {
  await log.close();
  await admin.end();
  await server.stop();
});
const open: OpenLog = { log, sink };

const publish = (topic: TopicRecord): Promise<unknown> =>
  put(open, new TestAppend(topic.id, { payload: text('1') }));

/** Asked until it is settled. */
async function settled(): Promise<HeadMoves> {
  let moves = await log.headMoves(null);
  await eventually(async () => {
    moves = await log.headMoves(moves);
    return moves.isSettled;
  });
  return moves;
}

/** A look at topics that somebody is subscribed to, and what it asked of the log. */
class Looked {
  /** Ids, of each query. */
  readonly asked: number[][] = [];
  readonly found: [name: string, head: number][] = [];
  readonly gone: number[] = [];
  /** What is found is taken in. */
  isTakenIn = true;
  /** Runs before the count is asked for. */
  before: () => Promise<unknown> = async () => undefined;
  /** Runs before records are asked for. */
  beforeRecords: () => Promise<unknown> = async () => undefined;
  /** Ids, of each query for records. */
  readonly records: number[][] = [];
  readonly topics = new Topics({
    ...{ find: async () => null, epochOf: () => 'e', clock: systemClock },
    budget: new HotCacheBudget(DEFAULT_LIMITS.hotCacheBytesMax),
    figures: new Figures(systemClock),
    onReplaced: () => undefined,
  });
  readonly look = new HeadLook({
    log: {
      headMoves: async (since) => {
        await this.before();
        return log.headMoves(since);
      },
      movedHeads: (known) => {
        this.asked.push(known.map(({ id }) => id));
        return log.movedHeads(known);
      },
      heads: async (ids) => {
        this.asked.push([...ids]);
        this.records.push([...ids]);
        await this.beforeRecords();
        return log.heads(ids);
      },
    },
    topics: this.topics,
    onHead: (topic, { lastSequence }) => {
      if (lastSequence <= topic.head) return;
      this.found.push([topic.name, lastSequence]);
      if (this.isTakenIn) topic.head = lastSequence;
    },
    onGone: (topic) => {
      this.gone.push(topic.id);
      topic.subscriptions.clear();
    },
  });

  subscribe(record: TopicRecord): Topic {
    const topic = this.topics.met(record);
    topic.subscriptions.set(1, {} as never);
    this.look.subscribed(topic);
    return topic;
  }

  /** Until nothing is asked of any head. */
  async untilStill(): Promise<void> {
    await eventually(async () => {
      this.asked.length = 0;
      await this.look.look();
      return this.asked.length === 0;
    });
  }
}

t.test('a count that nobody adds to is settled, and answered as it was', async (t) => {
  const first = await log.headMoves(null);
  t.equal(first.isSettled, false, 'others may have counted before this one looked');
  const moves = await settled();
  t.equal(await log.headMoves(moves), moves);
});

t.test('whatever moves a head, or ends a topic, counts', async (t) => {
  const [one, other] = [await newTopic(log), await newTopic(log)];
  let before = await settled();
  const isCounted = async (what: string): Promise<void> => {
    const { count } = await log.headMoves(before);
    t.not(count, before.count, what);
    before = await settled();
  };
  await publish(one);
  await isCounted('an append of one');
  await put(open, ...[one, other].map(({ id }) => new TestAppend(id, { payload: text('1') })));
  await isCounted('an append to two topics');
  await admin.query(`SELECT conduit.publish($1, '1'::json)`, [nameOf(one)]);
  await eventually(async () => ((await log.heads([one.id])).get(one.id)?.lastSequence ?? 0) === 3);
  await isCounted('what was published from SQL');
  await log.deleteTopic(other.key);
  await isCounted('a topic that was deleted');
  await admin.query('DELETE FROM conduit.topics WHERE id = $1', [other.id]);
  await isCounted('the end of its row');
});

t.test('who has counted and not committed keeps it from being settled', async (t) => {
  const topic = await newTopic(log);
  await publish(topic);
  const before = await settled();
  const slow = new pg.Client({ connectionString: server.url });
  await slow.connect();
  t.teardown(() => slow.end());
  await slow.query('BEGIN');
  await slow.query('SELECT * FROM conduit.lock_head($1)', [topic.id]);
  let moves = await log.headMoves(before);
  t.not(moves.count, before.count);
  for (let n = 0; n < 5; n++) {
    // What others do meanwhile is none of it.
    await admin.query('SELECT pg_current_xact_id()');
    moves = await log.headMoves(moves);
    t.equal(moves.isSettled, false);
  }
  await slow.query('COMMIT');
  await eventually(async () => {
    moves = await log.headMoves(moves);
    return moves.isSettled;
  });
});

t.test('topics that stand still are not asked for; those that move are found', async (t) => {
  const looked = new Looked();
  const records = [await newTopic(log), await newTopic(log), await newTopic(log)];
  const [still, moved, gone] = records as [TopicRecord, TopicRecord, TopicRecord];
  for (const record of records) looked.subscribe(record);
  await looked.untilStill();
  for (let n = 0; n < 10; n++) await looked.look.look();
  t.same(looked.asked, []);
  await publish(moved);
  await looked.look.look();
  t.same(looked.found, [[nameOf(moved), 1]]);
  await log.deleteTopic(gone.key);
  await looked.look.look();
  t.same(looked.gone, [gone.id]);
  await looked.untilStill();
  t.same(looked.found.length, 1);
  t.equal(looked.topics.byId(still.id)?.head, 0);
});

t.test('a topic that is subscribed to after it has moved', async (t) => {
  const looked = new Looked();
  const known = await newTopic(log);
  // Read before the message, subscribed to after the count had settled with it.
  const late = await newTopic(log);
  looked.subscribe(known);
  await publish(late);
  await looked.untilStill();
  looked.subscribe(late);
  await looked.look.look();
  t.same(looked.found, [[nameOf(late), 1]]);
  t.notOk(looked.asked.flat().includes(known.id), 'the others stand still');
});

t.test('one whose messages have not come is looked at again, alone', async (t) => {
  const looked = new Looked();
  const [still, behind] = [await newTopic(log), await newTopic(log)];
  looked.subscribe(still);
  const topic = looked.subscribe(behind);
  await looked.untilStill();
  looked.isTakenIn = false;
  await publish(behind);
  await settled();
  await eventually(async () => {
    looked.asked.length = 0;
    await looked.look.look();
    return looked.asked.length === 1;
  });
  t.same(looked.asked, [[behind.id]]);
  t.ok(looked.found.length > 1, 'said again and again');
  topic.head = 1;
  await looked.untilStill();
});

t.test('what is said to be in doubt is looked at, also while a look is under way', async (t) => {
  const looked = new Looked();
  const topic = looked.subscribe(await newTopic(log));
  await looked.untilStill();
  looked.look.doubt();
  await looked.look.look();
  t.same(looked.asked, [[topic.id]]);
  await looked.untilStill();
  // Its log became another one meanwhile.
  looked.before = async () => looked.look.doubt();
  await looked.look.look();
  looked.asked.length = 0;
  looked.before = async () => undefined;
  await looked.look.look();
  t.same(looked.asked, [[topic.id]]);
});

t.test('a look that failed is made up for', async (t) => {
  const looked = new Looked();
  const topic = looked.subscribe(await newTopic(log));
  await looked.untilStill();
  looked.before = () => Promise.reject(new Error('away'));
  await t.rejects(looked.look.look(), { message: 'away' });
  looked.before = async () => undefined;
  await looked.look.look();
  t.same(looked.asked, [[topic.id]]);
});

t.test('a doubt stays until all records were read', async (t) => {
  const looked = new Looked();
  const topic = looked.subscribe(await newTopic(log));
  await looked.untilStill();
  looked.look.doubt();
  looked.beforeRecords = () => Promise.reject(new Error('away'));
  for (let n = 0; n < 2; n++) await t.rejects(looked.look.look(), { message: 'away' });
  looked.beforeRecords = async () => undefined;
  looked.records.length = 0;
  await looked.look.look();
  t.same(looked.records, [[topic.id]], 'also of one that has not moved');
  await looked.untilStill();
});

function nameOf({ key }: TopicRecord): string {
  return topicNameOf(key);
}
