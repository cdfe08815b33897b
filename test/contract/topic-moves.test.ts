// Goal: a topic that is moved to another database is there whole, with the same sequences, cursors, dead
// letters, dedupe keys and deferred messages, and nowhere else; whatever is done to it at the old place,
// by those that have not heard, is refused, or done at the new one.
import pg from 'pg';
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import type { LogRow } from '../../src/core/message.js';
import { type TopicKey, topicNameOf } from '../../src/core/topic-key.js';
import type { TopicRecord } from '../../src/core/topic-record.js';
import {
  joinAll,
  namesAt,
  openSeveralLogs,
  type SeveralLog,
  startTwoDatabases,
} from '../support/servers/two-databases.js';
import { keyOf, TENANT } from '../support/tenants/tenants.js';
import { put, text } from './message-log.js';
import { TestAppend } from './recording-sink.js';
import { failed, failure, filterOf, givenUp, saveOf, taken } from './subscription-store.js';

const databases = await startTwoDatabases(t);
await joinAll(databases.urls);
let opened = 0;
let named = 0;

/** `deaf`: it does not listen, and so hears of nothing. */
async function open(
  t: Test,
  ears: 'listens' | 'deaf' = 'listens',
): Promise<SeveralLog & { store: SeveralLog['log']['subscriptions'] }> {
  const several = await openSeveralLogs(databases.urls, `moves-${++opened}`, {
    notify: ears === 'listens',
  });
  t.teardown(() => several.log.close());
  return { ...several, store: several.log.subscriptions };
}

const nameAt = (place: 0 | 1): string => namesAt(place, `moved.${++named}`, 1)[0] ?? '';
const other = (place: 0 | 1): 0 | 1 => (place === 0 ? 1 : 0);

/** However long it takes. */
async function moved(log: SeveralLog['log'], key: TopicKey, to: number): Promise<void> {
  await eventually(async () => (await log.moveTopic(key, to)).state === 'moved');
}

async function rowsOf(log: SeveralLog['log'], { id }: TopicRecord): Promise<LogRow[]> {
  const range = { fromSequence: 1, toSequence: Number.POSITIVE_INFINITY, rowsMax: 10_000 };
  const page = await log.read({ topicId: id, ...range, bytesMax: 1e9, order: 'asc' });
  return page.rows;
}

/** What a database has of a topic, by table, its row and messages aside. */
async function leftAt(place: number, id: number): Promise<number> {
  const counts = ['subscriptions', 'dead_letters', 'delivery_history', 'outbox', 'publish_dedupe'];
  const sql = counts.map((table) => `(SELECT count(*) FROM conduit.${table} WHERE topic_id = $1)`);
  const rows = await databases.query<{ n: string }>(place, `SELECT ${sql.join(' + ')} AS n`, [id]);
  return Number(rows[0]?.n);
}

for (const from of [0, 1] as const) {
  t.test(`from database ${from + 1}: all of it is there, and as it was`, async (t) => {
    const both = await open(t);
    const { log, store } = both;
    const key = keyOf(nameAt(from));
    const retention = { hours: 5, messages: 600, bytes: null };
    const { topic } = await log.createTopic(key, retention);
    t.equal(log.placeOf(topic.id), from);
    const appends = Array.from(
      { length: 30 },
      (_, n) =>
        new TestAppend(topic.id, {
          ...{ payload: text(`{"n":${n}}`), key: `k${n % 3}`, headers: '{"a":"ü"}' },
          ...{ dedupeKey: n === 7 ? 'seven' : null, ttlMs: n === 8 ? 3_600_000 : 0 },
        }),
    );
    await put(both, ...appends);
    const held = await taken(both, topic, 'durable');
    await store.save([
      saveOf(held, {
        ...{ ackFloor: 3, settled: [[5, 6]], delivered: 9 },
        ...{ deadLetters: [givenUp(4)], failures: [failure(2)], deliveries: [failed(8)] },
      }),
    ]);
    await store.saveEphemeral({
      ...{ topicId: topic.id, session: 'gone', settledDeliveries: [] },
      ...{ deadLetters: [givenUp(2)], failures: [] },
    });
    const publication = { ...appends[0]?.publication, payload: text('{"later":1}') };
    const deferred = await log.defer({
      ...{ tenant: TENANT, topicId: topic.id, delayMs: 3_600_000, deliverAtMs: 0 },
      publication: { ...new TestAppend(1, publication).publication, dedupeKey: 'later' },
    });
    const before = {
      rows: await rowsOf(log, topic),
      letters: await store.listDeadLetters(filterOf(null), { after: 0, limit: 99, bytesMax: 1e9 }),
      deferred: await log.listDeferred(key, { after: 0, limit: 10 }),
      head: (await log.heads([topic.id])).get(topic.id),
      totals: await log.totals(TENANT),
      found: await store.find(topic.id, 'durable'),
    };
    const epoch = log.epochOf(topic.id);

    const to = other(from);
    await moved(log, key, to);
    t.same(await log.moveTopic(key, to), { state: 'moved', from: to, to }, 'once more: nothing');
    t.equal(log.placeOf(topic.id), to);
    t.equal(await leftAt(from, topic.id), 0, 'nothing is left of it');
    t.ok((await leftAt(to, topic.id)) > 5);

    t.same(await rowsOf(log, topic), before.rows, 'byte for byte, with sequences and times');
    t.same(await log.listDeferred(key, { after: 0, limit: 10 }), before.deferred);
    t.same((await log.heads([topic.id])).get(topic.id), before.head);
    t.same(await log.totals(TENANT), before.totals);
    t.same(await store.find(topic.id, 'durable'), before.found);
    const page = { after: 0, limit: 99, bytesMax: 1e9 };
    t.same(await store.listDeadLetters(filterOf(null), page), before.letters);
    t.equal((await log.findTopic(key))?.id, topic.id);
    t.not(log.epochOf(topic.id), epoch, 'positions have another epoch');
    t.same(await log.commonUpTo([{ topicId: topic.id, epoch }]), [30], 'and the old one is good');

    const repeat = new TestAppend(topic.id, {
      ...appends[7]?.publication,
      payload: text('{"n":7}'),
    });
    await put(both, repeat, new TestAppend(topic.id, { payload: text('{}') }));
    t.match(repeat.outcome, { kind: 'duplicate', first: { sequence: 8 } }, 'keys are held on');
    t.equal((await log.heads([topic.id])).get(topic.id)?.lastSequence, 31, 'and it goes on');
    t.same(
      await store.save([saveOf({ ...held, ackFloor: 4 })]),
      [],
      'whoever holds it holds it on',
    );
    t.equal(await log.cancelDeferred(TENANT, deferred.record?.id ?? 0), 'cancelled');

    await moved(log, key, from);
    t.equal((await rowsOf(log, topic)).length, 31);
    t.equal(await leftAt(to, topic.id), 0);
    t.equal((await store.find(topic.id, 'durable'))?.ackFloor, 4);
    await put(both, new TestAppend(topic.id, { payload: text('{}') }));
    t.equal((await log.heads([topic.id])).get(topic.id)?.lastSequence, 32);
    t.same(both.troubles, []);
  });

  t.test(`from database ${from + 1}: who has not heard changes nothing there`, async (t) => {
    const mover = await open(t);
    const late = await open(t, 'deaf');
    const key = keyOf(nameAt(from));
    const to = other(from);
    const { topic } = await mover.log.createTopic(key, null);
    const { id } = topic;
    await late.log.findTopic(key);
    await put(late, new TestAppend(id, { payload: text('1') }));
    const held = await taken(late, topic, 'held');
    await moved(mover.log, key, to);

    t.equal(late.log.placeOf(id), from, 'which has not heard of it');
    const refused = new TestAppend(id, { payload: text('2') });
    late.log.append(refused);
    late.log.flush();
    await eventually(() => refused.outcome !== null);
    t.match(refused.outcome, { kind: 'failed', code: 'topic_busy' }, 'an append is refused');
    t.equal(late.log.placeOf(id), to, 'and whoever tried knows then');
    t.ok(late.sink.epochChanges > 0, 'and brings it over');
    await put(late, new TestAppend(id, { payload: text('2') }));
    t.same((await rowsOf(late.log, topic)).length, 2);

    const saver = await open(t, 'deaf');
    saver.log.placeOf(id);
    await saver.log.findTopic(key);
    t.same(await saver.store.save([saveOf({ ...held, ackFloor: 1 })]), []);
    await moved(mover.log, key, from);
    const stale = saver.store.save([saveOf({ ...held, ackFloor: 2 })]);
    await t.rejects(stale, /restored or has failed over/);
    t.same(await saver.store.save([saveOf({ ...held, ackFloor: 2 })]), [], 'then it is stored');
    t.equal((await mover.store.find(id, 'held'))?.ackFloor, 2);

    const others = await Promise.all([1, 2, 3, 4].map(() => open(t, 'deaf')));
    for (const { log } of others) await log.findTopic(key);
    await moved(mover.log, key, to);
    const [taker, deferrer, reader, lister] = others;
    if (!taker || !deferrer || !reader || !lister) throw new Error('four');
    t.equal((await taken(taker, topic, 'another')).topicId, id);
    t.equal((await mover.store.find(id, 'another'))?.name, 'another', 'made where the topic is');
    const publication = new TestAppend(id, { payload: text('3') }).publication;
    const request = { tenant: TENANT, topicId: id, publication, delayMs: 60_000, deliverAtMs: 0 };
    await deferrer.log.defer(request);
    t.equal((await mover.log.listDeferred(key, { after: 0, limit: 9 })).length, 1);
    t.equal((await rowsOf(reader.log, topic)).length, 2);
    t.equal((await lister.log.heads([id])).get(id)?.lastSequence, 2);
    t.equal(await leftAt(from, id), 0);
  });
}

t.test('what SQL publishes in a transaction that ends later is brought after it', async (t) => {
  const { log } = await open(t);
  const key = keyOf(nameAt(1));
  const { topic } = await log.createTopic(key, null);
  const client = new pg.Client({ connectionString: databases.urls[1] });
  await client.connect();
  t.teardown(() => client.end());
  await client.query('BEGIN');
  await client.query(`SELECT conduit.publish($1, '{"late":true}'::json)`, [topicNameOf(key)]);
  await moved(log, key, 0);
  await client.query('COMMIT');
  await t.rejects(
    client.query(`SELECT conduit.publish($1, '{}'::json)`, [topicNameOf(key)]),
    /topic not found/,
  );
  await eventually(async () => (await rowsOf(log, topic)).length === 1, 20_000);
  t.equal(await leftAt(1, topic.id), 0);
});
