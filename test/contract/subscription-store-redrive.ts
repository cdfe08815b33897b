/** The subscription store's suite, its part on dead letters that are given back. */

import type { SubscriptionRecord } from '../../src/core/subscription-record.js';
import type { TopicRecord } from '../../src/core/topic-record.js';
import { REDRIVEN_PAGE, type RedrivenDelivery } from '../../src/log/contract/subscription-store.js';
import { TENANT } from '../support/tenants/tenants.js';
import type { OpenStore, StoreParts } from './subscription-store.js';
import {
  deliveriesOf,
  failed,
  filterOf,
  givenUp,
  lettersOf,
  PAST_MS,
  saveOf,
  taken,
  topicWith,
} from './subscription-store.js';

interface Redriven {
  topic: TopicRecord;
  record: SubscriptionRecord;
  /** Of the dead letters of sequences 1, 2, 3; 1 and 2 are redriven. */
  ids: number[];
}

async function redriven(open: OpenStore): Promise<Redriven> {
  const { store } = open;
  const topic = await topicWith(open, 9);
  const record = await taken(open, topic);
  const deadLetters = [1, 2, 3].map((sequence) => givenUp(sequence));
  await store.save([saveOf(record, { ackFloor: 3, delivered: 3, deadLetters })]);
  const ids = (await lettersOf(open, filterOf(topic))).map(({ id }) => id);
  await store.redrive(TENANT, ids.slice(0, 2));
  return { topic, record: { ...record, ackFloor: 3, delivered: 3 }, ids };
}

/** All that was given back to the subscription is after it. */
function fromBegin(id: number): RedrivenDelivery {
  return { id, atUs: 0, sequence: 0 };
}

export const REDRIVE: StoreParts = {
  'marks each once, and makes its delivery row': async (t, open) => {
    const { store } = open;
    const { topic, record, ids } = await redriven(open);
    const { id } = record;
    const found = await store.redriven([fromBegin(id + 1_000_000), fromBegin(id)]);
    t.match(found, [
      { id, sequence: 1 },
      { id, sequence: 2 },
    ]);
    t.ok(found.every(({ atUs }) => Math.abs(atUs / 1_000 - Date.now()) < 60_000));
    t.match(
      await store.redriven(found.slice(0, 1)),
      [{ id, sequence: 2 }],
      'those after the first',
    );
    t.same(await store.redriven(found.slice(1)), []);
    t.same(await store.redriven([]), []);
    t.match(await store.redrive(TENANT, [...ids, 987_654_321].reverse()), [
      { id: ids[2], redriven: true },
    ]);
    t.same(await store.redrive(TENANT, ids), []);
    t.same(await store.redrive(TENANT, []), []);
    const rows = await deliveriesOf(open, topic);
    t.same(
      rows.map(({ dueAtMs: _, ...row }) => row),
      [1, 2, 3].map((sequence) => ({
        ...{ sequence, attempts: 0, firstFailedAtMs: 0, lastError: null, redriven: true },
      })),
    );
    t.ok(rows.every(({ dueAtMs }) => Math.abs(dueAtMs - Date.now()) < 60_000));
    t.same(await lettersOf(open, filterOf(topic)), [], 'not seen but by id');
    t.equal(await store.countDeadLetters(filterOf(topic)), 0);
    t.equal(await store.purgeDeadLetters(filterOf(topic), 10), 0);
    t.match(await lettersOf(open, filterOf(topic, { ids })), [{ redriven: true }, {}, {}]);
    t.equal((await store.find(topic.id, 'sub'))?.id, record.id);
  },

  'of one subscription do not hide those of another, however many they are': async (t, open) => {
    const { store } = open;
    const many = REDRIVEN_PAGE + 1;
    const topic = await topicWith(open, many);
    const [paused, other] = [await taken(open, topic, 'paused'), await taken(open, topic, 'other')];
    const giveBack = async (record: SubscriptionRecord, sequences: number[]): Promise<void> => {
      const deadLetters = sequences.map((sequence) => givenUp(sequence));
      t.same(
        await store.save([saveOf(record, { ackFloor: many, delivered: many, deadLetters })]),
        [],
      );
    };
    await giveBack(
      paused,
      Array.from({ length: many }, (_, n) => n + 1),
    );
    await giveBack(other, [7]);
    const page = { after: 0, limit: 2 * many, bytesMax: 100_000_000 };
    const letters = await store.listDeadLetters(filterOf(topic), page);
    await store.redrive(
      TENANT,
      letters.map(({ id }) => id),
    );
    const found = await store.redriven([fromBegin(paused.id), fromBegin(other.id)]);
    t.match(
      found.filter(({ id }) => id === other.id),
      [{ sequence: 7 }],
    );
    const ofPaused = found.filter(({ id }) => id === paused.id);
    t.equal(ofPaused.length, REDRIVEN_PAGE);
    const rest = await store.redriven(ofPaused.slice(-1));
    t.equal(new Set([...ofPaused, ...rest].map(({ sequence }) => sequence)).size, many);
  },

  'of two at once one marks it': async (t, open) => {
    const { ids } = await redriven(open);
    const all = await Promise.all([1, 2, 3, 4].map(() => open.store.redrive(TENANT, ids)));
    t.equal(all.flat().length, 1);
  },

  'gives the copies when the log has forgotten the messages': async (t, open) => {
    const { store } = open;
    const { topic, record } = await redriven(open);
    await open.forget(topic, 5);
    const rows = await store.redrivenRows(
      { topicId: topic.id, subscriptionId: record.id },
      [9, 3, 2, 1, 2],
    );
    t.same(
      rows.map((row) => `${row.sequence} ${Buffer.from(row.payload)}`),
      ['1 {"n":1}', '2 {"n":2}'],
    );
    t.same(
      await store.redrivenRows({ topicId: topic.id, subscriptionId: record.id + 1_000_000 }, [1]),
      [],
    );
    t.same(await store.redrivenRows({ topicId: topic.id, subscriptionId: record.id }, []), []);
  },

  'ends with the dead letter when it is settled': async (t, open) => {
    const { store } = open;
    const { topic, record, ids } = await redriven(open);
    t.same(await store.save([saveOf(record, { settledDeliveries: [1, 3] })]), []);
    t.match(await deliveriesOf(open, topic), [{ sequence: 2 }]);
    const left = await lettersOf(open, filterOf(topic, { ids }));
    t.same(
      left.map(({ row, redriven }) => [row.sequence, redriven]),
      [
        [2, true],
        [3, false],
      ],
      'one that was not redriven stays',
    );
  },

  'is counted when the message is given up again, forgotten by the log or not': async (t, open) => {
    const { store } = open;
    const { topic, record, ids } = await redriven(open);
    await open.forget(topic, 1);
    const again = { reason: 'rejected', attempts: 1, lastFailedAtMs: PAST_MS + 99_000 } as const;
    const save = saveOf(record, {
      settledDeliveries: [1, 2],
      deadLetters: [givenUp(1, again), givenUp(2, again), givenUp(3, again)],
    });
    t.same(await store.save([save]), []);
    t.same(await store.save([save]), []);
    t.same(await deliveriesOf(open, topic), []);
    const letters = await lettersOf(open, filterOf(topic));
    t.same(
      letters.map(({ id }) => id),
      ids,
    );
    t.match(letters, [
      { ...again, redrivenCount: 1, redriven: false },
      { ...again, redrivenCount: 1, redriven: false },
      { ...again, redrivenCount: 0, redriven: false },
    ]);
    t.equal(Buffer.from(letters[0]?.row.payload ?? []).toString(), '{"n":1}');
    t.equal((await store.redrive(TENANT, ids)).length, 3);
  },

  'is undone by a seek that drops the delivery row': async (t, open) => {
    const { store } = open;
    const { topic, record } = await redriven(open);
    const kept = failed(2, { attempts: 0, firstFailedAtMs: 0, lastError: null, redriven: true });
    const seek = saveOf(record, { ackFloor: 0, dropDeliveries: true, deliveries: [kept] });
    t.same(await store.save([seek]), []);
    const letters = await lettersOf(open, filterOf(topic));
    t.same(
      letters.map(({ row }) => row.sequence),
      [1, 3],
    );
    t.same(await deliveriesOf(open, topic), [kept]);
  },

  'of a session that takes it no more is a dead letter again': async (t, open) => {
    const { store } = open;
    const topic = await topicWith(open, 5);
    const nothing = { deadLetters: [], failures: [], settledDeliveries: [] };
    const of = { topicId: topic.id, session: 'n1/77' };
    await store.saveEphemeral({ ...of, ...nothing, deadLetters: [1, 2, 3].map((n) => givenUp(n)) });
    const ids = (await lettersOf(open, filterOf(topic))).map(({ id }) => id);
    await store.redrive(TENANT, ids.slice(0, 2));
    await store.saveEphemeral({ ...of, ...nothing, session: 'n1/78', returned: [2] });
    t.equal((await lettersOf(open, filterOf(topic))).length, 1, 'of no other session');
    await store.saveEphemeral({ ...of, ...nothing, settledDeliveries: [1], returned: [2, 3, 9] });
    t.match(await lettersOf(open, filterOf(topic)), [
      { id: ids[1], redriven: false, redrivenCount: 0 },
      { id: ids[2], redriven: false },
    ]);
    t.equal((await store.redrive(TENANT, [ids[1] ?? 0])).length, 1);
  },
};
