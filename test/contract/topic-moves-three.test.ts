// Goal: between two databases of which neither is the first a topic moves as between others: the first is
// told where it is, and until it is told, or where the move was given up, the topic is whole at one place,
// and whoever looks ends what was left half done.
import pg from 'pg';
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import type { TopicRecord } from '../../src/core/topic-record.js';
import {
  joinAll,
  openSeveralLogs,
  type SeveralLog,
  startDatabases,
} from '../support/servers/two-databases.js';
import { keyOf, TENANT } from '../support/tenants/tenants.js';
import { put, text } from './message-log.js';
import { TestAppend } from './recording-sink.js';
import { saveOf, taken } from './subscription-store.js';

const databases = await startDatabases(t, ['postgres', 'second', 'third']);
await joinAll(databases.urls);
let opened = 0;
let named = 0;

/** `ears`: whether it hears of what others do; `ends`: whether it ends what others left. */
async function open(
  t: Test,
  more: { ears?: boolean; ends?: boolean } = {},
): Promise<SeveralLog & { store: SeveralLog['log']['subscriptions'] }> {
  const { ears: notify = true, ends = false } = more;
  const several = await openSeveralLogs(databases.urls, `three-${++opened}`, { notify, ends });
  t.teardown(() => several.log.close());
  return { ...several, store: several.log.subscriptions };
}

/** In the second database, of three messages, with a subscription and a message that is due in an hour. */
async function madeAtSecond(several: Awaited<ReturnType<typeof open>>): Promise<TopicRecord> {
  const { log, store } = several;
  for (;;) {
    const { topic } = await log.createTopic(keyOf(`three.${++named}`), null);
    if (log.placeOf(topic.id) !== 1) continue;
    await put(
      several,
      ...[1, 2, 3].map((n) => new TestAppend(topic.id, { payload: text(`${n}`) })),
    );
    const record = await taken(several, topic, 'kept');
    await store.save([saveOf({ ...record, ackFloor: 2, delivered: 3 })]);
    const { publication } = new TestAppend(topic.id, { payload: text('4') });
    const later = { publication, delayMs: 3_600_000, deliverAtMs: 0 };
    await log.defer({ tenant: TENANT, topicId: topic.id, ...later });
    return topic;
  }
}

/** All of it is there, once, and the first knows. */
async function isWholeAt(
  t: Test,
  place: number,
  { log, store }: Awaited<ReturnType<typeof open>>,
  { id, key }: TopicRecord,
): Promise<void> {
  const range = { fromSequence: 1, toSequence: 99, rowsMax: 99, bytesMax: 1e6 };
  const { rows } = await log.read({ topicId: id, ...range, order: 'asc' });
  t.same(
    rows.map(({ sequence }) => sequence),
    [1, 2, 3],
  );
  t.match(await store.find(id, 'kept'), { ackFloor: 2, delivered: 3 });
  t.equal((await log.listDeferred(key, { after: 0, limit: 9 })).length, 1);
  t.equal(log.placeOf(id), place);
  const [first] = await databases.query<{ place: number }>(
    0,
    'SELECT place FROM conduit.topics WHERE id = $1 AND deleted_at IS NULL',
    [id],
  );
  t.equal(first?.place, place, 'the first knows');
  const counted = `SELECT (SELECT count(*) FROM conduit.subscriptions WHERE topic_id = $1)
    + (SELECT count(*) FROM conduit.outbox WHERE topic_id = $1) AS n,
    (SELECT count(*) FROM conduit.topics WHERE id = $1 AND arriving_from IS NOT NULL) AS half`;
  const all = [0, 1, 2].map((at) =>
    databases.query<{ n: string; half: string }>(at, counted, [id]),
  );
  t.same(
    (await Promise.all(all)).flat().map(({ n, half }) => [Number(n), Number(half)]),
    [0, 1, 2].map((at) => [at === place ? 2 : 0, 0]),
    'nothing is anywhere else',
  );
}

/** What one statement of a move does in that database fails, until it is let. */
async function refused(t: Test, place: number, when: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: databases.urls[place] });
  await client.connect();
  t.teardown(() => client.end());
  await client.query(`CREATE OR REPLACE FUNCTION public.refuse() RETURNS trigger
    LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '57014'; END $$`);
  await client.query(`CREATE TRIGGER refuses BEFORE UPDATE ON conduit.topics FOR EACH ROW
    WHEN (${when}) EXECUTE FUNCTION public.refuse()`);
  return async () => {
    await client.query('DROP TRIGGER refuses ON conduit.topics');
  };
}

async function moved({ log }: SeveralLog, { key }: TopicRecord, to: number): Promise<void> {
  await eventually(async () => (await log.moveTopic(key, to)).state === 'moved');
}

t.test('to the third, back, and by the first round again', async (t) => {
  const several = await open(t);
  const deaf = await open(t, { ears: false });
  const topic = await madeAtSecond(several);
  await deaf.log.findTopic(topic.key);
  await isWholeAt(t, 1, several, topic);
  for (const to of [2, 1, 0, 2, 1]) {
    await moved(several, topic, to);
    await isWholeAt(t, to, several, topic);
  }
  await moved(several, topic, 2);
  // It believes in the second, which knows of three moves by now.
  const late = new TestAppend(topic.id, { payload: text('4') });
  deaf.log.append(late);
  deaf.log.flush();
  await eventually(() => late.outcome !== null);
  t.match(late.outcome, { kind: 'failed', code: 'topic_busy' });
  t.equal(deaf.log.placeOf(topic.id), 2, 'and knows where it is by that');
  t.same(several.troubles, []);
});

t.test('the first cannot be told: nobody has it until somebody ends the move', async (t) => {
  const mover = await open(t);
  const topic = await madeAtSecond(mover);
  const { id } = topic;
  const allow = await refused(t, 0, `NEW.id = ${id} AND NEW.place = 2`);
  await t.rejects(mover.log.moveTopic(topic.key, 2));
  const [there] = await databases.query(
    2,
    'SELECT arriving_from FROM conduit.topics WHERE id = $1',
    [id],
  );
  t.match(there, { arriving_from: 1 }, 'it has moved, and has not arrived');
  const other = await open(t, { ears: false });
  await t.rejects(
    other.log.heads([id]).then((heads) => {
      if (!heads.has(id)) throw Object.assign(new Error('nowhere'), { code: 'nowhere' });
    }),
    { code: 'topic_busy' },
  );
  await allow();
  t.equal(
    (
      await databases.query(2, 'SELECT 1 FROM conduit.topics WHERE id = $1 AND arriving_from = 1', [
        id,
      ])
    ).length,
    1,
  );
  const ender = await open(t, { ends: true });
  await eventually(async () => {
    const heads = await ender.log.heads([id]).catch(() => new Map());
    return heads.has(id);
  });
  await isWholeAt(t, 2, ender, topic);
});

t.test('the source does not let go of it: what was copied goes', async (t) => {
  const mover = await open(t);
  const topic = await madeAtSecond(mover);
  const { id } = topic;
  const allow = await refused(t, 1, `NEW.id = ${id} AND NEW.moved_to IS NOT NULL`);
  await t.rejects(mover.log.moveTopic(topic.key, 2));
  const copied = 'SELECT 1 FROM conduit.messages WHERE topic_id = $1';
  t.ok((await databases.query(2, copied, [id])).length > 0, 'a copy is there, which nobody sees');
  await allow();
  await open(t, { ends: true });
  await eventually(async () => (await databases.query(2, copied, [id])).length === 0);
  await isWholeAt(t, 1, mover, topic);
  await moved(mover, topic, 2);
  await isWholeAt(t, 2, mover, topic);
});

t.test(
  'what SQL publishes under an old snapshot is brought from the second to the third',
  async (t) => {
    const several = await open(t, { ends: true });
    const topic = await madeAtSecond(several);
    const client = new pg.Client({ connectionString: databases.urls[1] });
    await client.connect();
    t.teardown(() => client.end());
    await client.query('BEGIN');
    const [, name = ''] = topic.key.split('\0');
    await client.query(`SELECT conduit.publish($1, '{"late":true}'::json)`, [name]);
    await moved(several, topic, 2);
    await client.query('COMMIT');
    await eventually(
      async () => (await several.log.heads([topic.id])).get(topic.id)?.lastSequence === 4,
      20_000,
    );
    t.equal(several.log.placeOf(topic.id), 2);
  },
);
