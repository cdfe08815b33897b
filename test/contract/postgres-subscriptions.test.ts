// Goal: the subscription store in PostgreSQL keeps the contract; upkeep leaves nothing of what was
// deleted, no failure older than 72 hours, and gives back what a dead node's session had.

import pg from 'pg';
import t from 'tap';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { systemClock } from '../../src/core/clock.js';
import type { Limits } from '../../src/core/limits.js';
import { OtherLog } from '../../src/log/contract/subscription-store.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { HISTORY_HOURS, oldFailures } from '../../src/log/postgres/upkeep/old-rows.js';
import {
  GIVEN_HOURS,
  purgeOrphans,
  returnGiven,
  TOMBSTONE_HOURS,
} from '../../src/log/postgres/upkeep/subscription-purge.js';
import { openPostgresLog } from '../support/log/postgres-log.js';
import { addOther, OTHER, TENANT } from '../support/tenants/tenants.js';
import { put, text } from './message-log.js';
import { TestAppend } from './recording-sink.js';
import type { OpenStore } from './subscription-store.js';
import {
  deliveriesOf,
  failed,
  failure,
  filterOf,
  givenUp,
  lettersOf,
  saveOf,
  storeSuite,
  taken,
  topicWith,
} from './subscription-store.js';

const HOUR_MS = 3_600_000;
const server = await startPostgres();
await migrate(server.url);
await addOther(server.url);
// Before the suite's own teardowns are added: tap runs them last first.
t.teardown(() => server.stop());
const client = new pg.Client({ connectionString: server.url });
await client.connect();
t.teardown(() => client.end());

async function countOf(table: string, where: string, id: number): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM conduit.${table} WHERE ${where} = $1`,
    [id],
  );
  return rows[0]?.n ?? -1;
}

async function open(limits: Partial<Limits> = {}): Promise<OpenStore> {
  const { log, sink } = await openPostgresLog(server.url, 'subscriptions', limits);
  return {
    ...{ log, sink, store: log.subscriptions },
    forget: async (topic, sequence) => {
      await client.query('UPDATE conduit.topics SET first_sequence = $2 WHERE id = $1', [
        topic.id,
        sequence + 1,
      ]);
      const gone = 'DELETE FROM conduit.messages WHERE topic_id = $1 AND sequence <= $2';
      await client.query(gone, [topic.id, sequence]);
    },
    rowsOf: async (id) => [
      await countOf('subscriptions', 'id', id),
      await countOf('cursors', 'subscription_id', id),
      await countOf('deliveries', 'subscription_id', id),
      await countOf('dead_letters', 'subscription_id', id),
    ],
  };
}

t.test('the contract', (t) => storeSuite(t, open));

t.test('a save of another log than this is refused, and nothing of it is stored', async (t) => {
  const store = await open();
  t.teardown(() => store.log.close());
  const topic = await topicWith(store, 5);
  const [one, other] = [await taken(store, topic, 'one'), await taken(store, topic, 'other')];
  const epoch = store.log.epochOf(topic.id);
  const before = `${epoch.slice(0, -20)}${'0'.repeat(20)}`;
  const rest = { session: 'n1/1', failures: [failure(1)], settledDeliveries: [], returned: [] };
  const ephemeral = { topicId: topic.id, ...rest, deadLetters: [givenUp(2)] };
  const late = { epoch: before, ackFloor: 3 };
  const exceptional = { deliveries: [failed(4)], deadLetters: [givenUp(3)] };
  const saves: (() => Promise<unknown>)[] = [
    () => store.store.save([saveOf(one, late), saveOf(other, late)]),
    () => store.store.save([saveOf(one, late), saveOf(other, { ...late, epoch })]),
    () => store.store.save([saveOf(one, { ...late, ...exceptional })]),
    () => store.store.saveEphemeral({ ...ephemeral, epoch: before }),
  ];
  for (const save of saves) {
    const error: unknown = await save().catch((reason: unknown) => reason);
    t.ok(error instanceof OtherLog);
  }
  const again = [
    await store.store.find(topic.id, 'one'),
    await store.store.find(topic.id, 'other'),
  ];
  t.match(again, [{ ackFloor: 0 }, { ackFloor: 0 }]);
  t.same(await lettersOf(store, filterOf(topic)), []);
  t.same(await store.store.save([saveOf(one, { ackFloor: 3, epoch })]), []);
  await store.store.saveEphemeral({ ...ephemeral, epoch });
  t.match(await store.store.find(topic.id, 'one'), { ackFloor: 3 });
  t.equal((await lettersOf(store, filterOf(topic))).length, 1);
});

t.test('a save that waits for another take is refused', async (t) => {
  const store = await open();
  t.teardown(() => store.log.close());
  const topic = await topicWith(store, 5);
  const record = await taken(store, topic);
  await client.query('BEGIN');
  await client.query('UPDATE conduit.subscriptions SET term = term + 1 WHERE id = $1', [record.id]);
  const save = store.store.save([saveOf(record, { ackFloor: 3, deliveries: [failed(4)] })]);
  await new Promise((resolve) => setTimeout(resolve, 200));
  await client.query('COMMIT');
  t.same(await save, [record.id]);
  t.match(await store.store.find(topic.id, 'sub'), { ackFloor: 0 });
  t.same(await deliveriesOf(store, topic), []);
});

t.test('tenants: dead letters of another tenant are not waited for', async (t) => {
  const store = await open();
  t.teardown(() => store.log.close());
  const topic = await topicWith(store, 1);
  const record = await taken(store, topic);
  await store.store.save([saveOf(record, { deadLetters: [givenUp(1)] })]);
  const ids = (await lettersOf(store, filterOf(topic))).map(({ id }) => id);
  await client.query('BEGIN');
  await client.query('SELECT FROM conduit.subscriptions WHERE id = $1 FOR UPDATE', [record.id]);
  t.same(await store.store.redrive(OTHER.tenant, ids), []);
  await client.query('COMMIT');
  t.equal((await store.store.redrive(TENANT, ids)).length, 1);
});

t.test('a save whose transaction breaks stores nothing, and can be made again', async (t) => {
  const store = await open();
  t.teardown(() => store.log.close());
  const topic = await topicWith(store, 5);
  const record = await taken(store, topic);
  const save = saveOf(record, { ackFloor: 1, deliveries: [failed(2)], failures: [failure(2)] });
  await client.query('ALTER TABLE conduit.delivery_history RENAME TO hidden');
  await t.rejects(store.store.save([save]), { code: 'log_unavailable' });
  await client.query('ALTER TABLE conduit.hidden RENAME TO delivery_history');
  t.match(await store.store.find(topic.id, 'sub'), { ackFloor: 0 });
  t.same(await store.store.save([save]), []);
  t.match(await store.store.find(topic.id, 'sub'), { ackFloor: 1 });
});

t.test('upkeep deletes what deleted topics and subscriptions left, and old failures', async (t) => {
  const store = await open();
  t.teardown(() => store.log.close());
  const [dead, living] = [await topicWith(store, 5), await topicWith(store, 5)];
  const old = Date.now() - (HISTORY_HOURS + 1) * HOUR_MS;
  const more = {
    deliveries: [failed(2)],
    deadLetters: [givenUp(1)],
    failures: [failure(2), failure(3, { atMs: old })],
  };
  const records = [await taken(store, dead), await taken(store, living)];
  await store.store.save(records.map((record) => saveOf(record, more)));
  const orphan = await taken(store, living, 'orphan');
  await store.store.save([saveOf(orphan, more)]);
  for (const topicId of [dead.id, living.id]) {
    const ephemeral = { topicId, session: 's', deadLetters: [givenUp(2)] };
    await store.store.saveEphemeral({ ...ephemeral, failures: [], settledDeliveries: [] });
  }
  await store.log.deleteTopic(dead.key);
  await client.query('DELETE FROM conduit.subscriptions WHERE id = $1', [orphan.id]);
  t.ok((await purgeOrphans(client, systemClock)) >= 8);
  t.ok((await oldFailures(systemClock).purge(client)) >= 3);
  t.equal(await purgeOrphans(client, systemClock), 0);
  t.equal(await countOf('dead_letters', 'topic_id', dead.id), 0);
  t.same(await store.rowsOf(records[0]?.id ?? 0), [0, 0, 0, 0]);
  t.same(await store.rowsOf(orphan.id), [0, 0, 0, 0]);
  t.same(await store.rowsOf(records[1]?.id ?? 0), [1, 1, 1, 1]);
  t.equal((await lettersOf(store, filterOf(living))).length, 2);
  t.same((await store.store.traceOf(living.id, 3)).failures, []);
  t.equal((await store.store.traceOf(living.id, 2)).failures.length, 1);
});

t.test(
  'a tombstone goes after its time, with all that hung on it; its id does not come again',
  async (t) => {
    const store = await open();
    t.teardown(() => store.log.close());
    const [old, fresh, living] = [
      await topicWith(store, 1),
      await topicWith(store, 1),
      await topicWith(store, 1),
    ];
    const { publication } = new TestAppend(0, { payload: text('1') });
    for (const topic of [old, fresh, living]) {
      const record = await taken(store, topic);
      await store.store.save([saveOf(record, { deadLetters: [givenUp(1)] })]);
      const later = { tenant: TENANT, topicId: topic.id, publication, deliverAtMs: 0 };
      await store.log.defer({ ...later, delayMs: 24 * HOUR_MS });
    }
    for (const topic of [old, fresh]) await store.log.deleteTopic(topic.key);
    const hours = [TOMBSTONE_HOURS + 0.1, old.id];
    await client.query(
      `UPDATE conduit.topics SET deleted_at = clock_timestamp() - $1 * interval '1 hour' WHERE id = $2`,
      hours,
    );
    await purgeOrphans(client, systemClock);
    const left = async (id: number): Promise<number[]> => [
      await countOf('topics', 'id', id),
      await countOf('subscriptions', 'topic_id', id),
      await countOf('dead_letters', 'topic_id', id),
      await countOf('outbox', 'topic_id', id),
    ];
    t.same(await left(old.id), [0, 0, 0, 0]);
    t.same(await left(fresh.id), [1, 0, 0, 0], 'a new tombstone stays for a while');
    t.same(await left(living.id), [1, 1, 1, 1]);
    const [late] = await put(store, new TestAppend(old.id, { payload: text('late') }));
    t.match(late, { kind: 'failed', code: 'topic_not_found' });
    t.ok((await store.log.createTopic(old.key, null)).topic.id > living.id);
  },
);

t.test('a dead letter whose session died with its node is one again after its time', async (t) => {
  const store = await open();
  t.teardown(() => store.log.close());
  const topic = await topicWith(store, 3);
  const nothing = { failures: [], settledDeliveries: [] };
  const deadLetters = [givenUp(1), givenUp(2)];
  const save = { topicId: topic.id, session: 'n1/9', deadLetters, ...nothing };
  await store.store.saveEphemeral(save);
  const ids = (await lettersOf(store, filterOf(topic))).map(({ id }) => id);
  await store.store.redrive(TENANT, ids);
  await client.query(
    `UPDATE conduit.dead_letters SET redriven_at = redriven_at - $1 * interval '1 hour' WHERE id = $2`,
    [GIVEN_HOURS + 0.1, ids[0]],
  );
  t.equal(await returnGiven(client, systemClock), 1);
  t.match(await lettersOf(store, filterOf(topic)), [{ id: ids[0], redriven: false }]);
});

t.test('one that a living session has had for days goes when it is acknowledged', async (t) => {
  const store = await open();
  t.teardown(() => store.log.close());
  const topic = await topicWith(store, 1);
  const of = { topicId: topic.id, session: 'n1/10', failures: [] };
  await store.store.saveEphemeral({ ...of, deadLetters: [givenUp(1)], settledDeliveries: [] });
  const ids = (await lettersOf(store, filterOf(topic))).map(({ id }) => id);
  await store.store.redrive(TENANT, ids);
  // Eight attempts of the longest ack wait, each extended twice.
  await client.query(
    `UPDATE conduit.dead_letters SET redriven_at = redriven_at - interval '24 hours' WHERE id = $1`,
    [ids[0]],
  );
  await returnGiven(client, systemClock);
  await store.store.saveEphemeral({ ...of, deadLetters: [], settledDeliveries: [1] });
  t.same(await lettersOf(store, filterOf(topic, { ids })), []);
});
