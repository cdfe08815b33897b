// Goal: what is asked of a topic while a move holds it waits for the move, and is done where the topic is
// then: a subscription that is made or taken, what a session without a name gives up, what a durable one
// stores. Nothing is left where it was, where nobody would find it.
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import type { TopicRecord } from '../../src/core/topic-record.js';
import { type StandStill, standStill } from '../support/servers/stand-still.js';
import {
  joinAll,
  namesAt,
  openSeveralLogs,
  type SeveralLog,
  startTwoDatabases,
} from '../support/servers/two-databases.js';
import { keyOf } from '../support/tenants/tenants.js';
import { put, text } from './message-log.js';
import { TestAppend } from './recording-sink.js';
import {
  failed,
  filterOf,
  givenUp,
  lettersOf,
  type OpenStore,
  saveOf,
  taken,
} from './subscription-store.js';

const databases = await startTwoDatabases(t);
await joinAll(databases.urls);
let opened = 0;

/** One that has not heard of the move. */
async function open(t: Test): Promise<SeveralLog & Pick<OpenStore, 'store'> & { name: string }> {
  const name = `meanwhile-${++opened}`;
  const several = await openSeveralLogs(databases.urls, name, { notify: false });
  t.teardown(() => several.log.close());
  return { ...several, name, store: several.log.subscriptions };
}

interface Held {
  topic: TopicRecord;
  still: StandStill;
  /** The move, which goes on once it may. */
  moved: Promise<void>;
}

/** A topic of five messages, from database `from` + 1, that a move has held and not yet carried over. */
async function held(
  t: Test,
  from: 0 | 1,
  before: (topic: TopicRecord) => Promise<unknown>,
): Promise<Held> {
  const to = from === 0 ? 1 : 0;
  const mover = await open(t);
  const key = keyOf(namesAt(from, `meanwhile.${opened}`, 1)[0] ?? '');
  const { topic } = await mover.log.createTopic(key, null);
  const appends = Array.from({ length: 5 }, () => new TestAppend(topic.id, { payload: text('1') }));
  await put(mover, ...appends);
  await before(topic);
  // What the target is told first of a topic that is held.
  const row = to === 0 ? 'BEFORE UPDATE' : 'BEFORE INSERT';
  const trigger = `${row} ON conduit.topics FOR EACH ROW
    WHEN (NEW.id = ${topic.id} AND NEW.arriving_from IS NOT NULL)`;
  const still = await standStill(t, databases.urls[to], trigger);
  const move = async (): Promise<void> => {
    await eventually(async () => (await mover.log.moveTopic(key, to)).state === 'moved');
  };
  const moved = move();
  await eventually(() => still.reached());
  return { topic, still, moved };
}

/** A session of that log waits for somebody else's lock, in the database at that place. */
async function waits(place: number, name: string): Promise<void> {
  const sql = `SELECT 1 FROM pg_stat_activity WHERE application_name LIKE $1
    AND datname = current_database() AND wait_event_type = 'Lock'`;
  await eventually(
    async () => (await databases.query(place, sql, [`conduit/${name}/%`])).length > 0,
  );
}

const LOOK_AGAIN = /restored or has failed over|is moved to another database/;

/** As whoever is told to look again does it. */
async function again<T>(ask: () => Promise<T>): Promise<T> {
  let answer: { is: T } | null = null;
  await eventually(async () => {
    answer = await ask().then(
      (is) => ({ is }),
      (error: Error) => {
        if (!LOOK_AGAIN.test(error.message)) throw error;
        return null;
      },
    );
    return answer !== null;
  });
  return (answer as { is: T } | null)?.is as T;
}

async function leftAt(place: number, id: number): Promise<number> {
  const tables = ['subscriptions', 'dead_letters', 'delivery_history', 'outbox'];
  const sql = tables.map((one) => `(SELECT count(*) FROM conduit.${one} WHERE topic_id = $1)`);
  const rows = await databases.query<{ n: string }>(place, `SELECT ${sql.join(' + ')} AS n`, [id]);
  return Number(rows[0]?.n);
}

for (const from of [0, 1] as const) {
  const to = from === 0 ? 1 : 0;
  const where = `from database ${from + 1}`;

  t.test(
    `${where}: a subscription that is made meanwhile is made where the topic is`,
    async (t) => {
      const taker = await open(t);
      const { topic, still, moved } = await held(t, from, (topic) =>
        taker.log.findTopic(topic.key),
      );
      const made = again(() => taken(taker, topic, 'made'));
      await waits(from, taker.name);
      await still.goOn();
      await moved;
      const record = await made;
      t.match(await taker.store.find(topic.id, 'made'), { id: record.id, term: 1 });
      t.same(await taker.store.save([saveOf({ ...record, ackFloor: 2 })]), [], 'and can be saved');
      t.equal(await leftAt(from, topic.id), 0, 'nothing of it is where the topic was');
      t.equal(await leftAt(to, topic.id), 1);
    },
  );

  t.test(`${where}: one that is taken over meanwhile goes on under the next term`, async (t) => {
    const [first, next] = [await open(t), await open(t)];
    let before = { term: 0, id: 0 };
    const { topic, still, moved } = await held(t, from, async (topic) => {
      const record = await taken(first, topic, 'kept');
      await first.store.save([saveOf({ ...record, ackFloor: 3, delivered: 4 })]);
      before = record;
      await next.log.findTopic(topic.key);
    });
    const taking = again(() => taken(next, topic, 'kept'));
    await waits(from, next.name);
    await still.goOn();
    await moved;
    const record = await taking;
    t.match(record, { id: before.id, ackFloor: 3, delivered: 4 }, 'with its place');
    t.ok(record.term > before.term);
    t.equal(await leftAt(from, topic.id), 0);
  });

  t.test(`${where}: what is given up meanwhile is kept where the topic is`, async (t) => {
    const saver = await open(t);
    const { topic, still, moved } = await held(t, from, (topic) => saver.log.findTopic(topic.key));
    const save = {
      ...{ topicId: topic.id, session: 'nameless', settledDeliveries: [] },
      ...{ deadLetters: [givenUp(2)], failures: [] },
    };
    const saving = saver.store.saveEphemeral(save).then(
      () => 'stored',
      (error: Error) => error.message,
    );
    await waits(from, saver.name);
    await still.goOn();
    await moved;
    t.match(await saving, LOOK_AGAIN, 'whoever saves is told to look again');
    await again(() => saver.store.saveEphemeral(save));
    t.equal((await lettersOf({ ...saver } as unknown as OpenStore, filterOf(topic))).length, 1);
    t.same([await leftAt(from, topic.id), await leftAt(to, topic.id)], [0, 1]);
  });

  t.test(`${where}: what a durable subscription stores meanwhile is stored there`, async (t) => {
    const saver = await open(t);
    let record = {} as Awaited<ReturnType<typeof taken>>;
    const { topic, still, moved } = await held(t, from, async (topic) => {
      await saver.log.findTopic(topic.key);
      record = await taken(saver, topic, 'saved');
    });
    const save = saveOf(record, { ackFloor: 1, delivered: 4, deliveries: [failed(3)] });
    const saving = saver.store.save([save]).then(
      (lost) => lost,
      (error: Error) => error.message,
    );
    await waits(from, saver.name);
    await still.goOn();
    await moved;
    t.match(await saving, LOOK_AGAIN);
    t.same(await again(() => saver.store.save([save])), []);
    const { deliveries } = await saver.store.take(topic.id, 'saved', null);
    t.match(deliveries, [{ sequence: 3, attempts: 2 }]);
    t.equal(await leftAt(from, topic.id), 0);
  });
}
