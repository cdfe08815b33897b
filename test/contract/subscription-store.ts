/**
 * What every subscription store must do: one suite, run for each variant
 * (memory-subscriptions.test.ts, postgres-subscriptions.test.ts). Topics have names of their own, so
 * a variant may keep one database for all.
 */

import type { Test } from 'tap';
import type { DeadLetterFilter, DeadLetterRecord } from '../../src/core/dead-letter-record.js';
import type { Limits } from '../../src/core/limits.js';
import type {
  DeliveryRecord,
  SubscriptionRecord,
  SubscriptionSettings,
} from '../../src/core/subscription-record.js';
import { topicNameOf } from '../../src/core/topic-key.js';
import type { TopicRecord } from '../../src/core/topic-record.js';
import type { FailureRecord } from '../../src/core/trace-record.js';
import type {
  DeadLetterDraft,
  SubscriptionSave,
  SubscriptionStore,
} from '../../src/log/contract/subscription-store.js';
import { NOBODY, TENANT } from '../support/tenants/tenants.js';
import type { OpenLog } from './message-log.js';
import { newTopic, put, text } from './message-log.js';
import { TestAppend } from './recording-sink.js';
import { DEAD_LETTERS } from './subscription-store-dead-letters.js';
import { REDRIVE } from './subscription-store-redrive.js';
import { TENANTS } from './subscription-store-tenants.js';
import { TRACE } from './subscription-store-trace.js';

export interface OpenStore extends OpenLog {
  store: SubscriptionStore;
  /** The log forgets the topic's messages up to `sequence`, as retention does. */
  forget(topic: TopicRecord, sequence: number): Promise<void>;
  /** Rows that are stored of the subscription: itself, cursor, deliveries, dead letters; null: not known. */
  rowsOf(subscriptionId: number): Promise<number[] | null>;
}

/** Another store: over the same database, where there is one. */
export type StoreFactory = (limits?: Partial<Limits>) => Promise<OpenStore>;

export type StoreParts = Record<
  string,
  (t: Test, open: OpenStore, factory: StoreFactory) => Promise<void>
>;

export const SETTINGS: SubscriptionSettings = {
  ackWaitMs: 30_000,
  maxDeliver: 5,
  ordering: 'none',
};

/** A time of the past, in ms. */
export const PAST_MS = 1_700_000_000_123;

export async function storeSuite(t: Test, factory: StoreFactory): Promise<void> {
  const open = await factory();
  t.teardown(() => open.log.close());
  const sections = {
    ...{ cursors: CURSORS, deadLetters: DEAD_LETTERS, redrive: REDRIVE, trace: TRACE },
    tenants: TENANTS,
  };
  for (const [section, parts] of Object.entries(sections)) {
    t.test(section, async (t) => {
      for (const [name, part] of Object.entries(parts)) t.test(name, (t) => part(t, open, factory));
    });
  }
}

/** A topic with messages `{"n":1}`, `{"n":2}`, ... */
export async function topicWith(open: OpenStore, messages: number): Promise<TopicRecord> {
  const topic = await newTopic(open.log);
  const appends = Array.from(
    { length: messages },
    (_, n) => new TestAppend(topic.id, { payload: text(`{"n":${n + 1}}`) }),
  );
  if (messages > 0) await put(open, ...appends);
  return topic;
}

export async function taken(
  { store }: Pick<OpenStore, 'store'>,
  topic: TopicRecord,
  name = 'sub',
): Promise<SubscriptionRecord> {
  return (await store.take(topic.id, name, { settings: SETTINGS, cursor: 0 })).record;
}

/** What the record has, and what is said beside it. */
export function saveOf(
  record: SubscriptionRecord,
  more: Partial<SubscriptionSave> = {},
): SubscriptionSave {
  const { id, topicId, term, createdAtMs } = record;
  const { ackFloor, settled, delivered, settings, paused } = record;
  return {
    ...{ id, topicId, term, createdAtMs, ackFloor, settled, delivered, settings, paused },
    ...{ deliveries: [], settledDeliveries: [], dropDeliveries: false },
    ...{ deadLetters: [], failures: [] },
    ...more,
  };
}

export function failed(sequence: number, more: Partial<DeliveryRecord> = {}): DeliveryRecord {
  return {
    sequence,
    attempts: 2,
    dueAtMs: PAST_MS + 5_000,
    firstFailedAtMs: PAST_MS,
    lastError: 'no answer',
    redriven: false,
    ...more,
  };
}

export function givenUp(sequence: number, more: Partial<DeadLetterDraft> = {}): DeadLetterDraft {
  return {
    sequence,
    reason: 'max_deliver',
    attempts: 5,
    firstFailedAtMs: PAST_MS,
    lastFailedAtMs: PAST_MS + 60_000,
    lastError: 'boom',
    ...more,
  };
}

export function failure(sequence: number, more: Partial<FailureRecord> = {}): FailureRecord {
  return {
    sequence,
    attempt: 1,
    atMs: Date.now(),
    outcome: 'nack',
    reason: 'not now',
    session: 's1',
    ...more,
  };
}

export function filterOf(
  topic: TopicRecord | null,
  more: Partial<DeadLetterFilter> = {},
): DeadLetterFilter {
  return {
    within: topic?.key ?? TENANT,
    subscription: null,
    ids: null,
    ...more,
  };
}

export function lettersOf(
  { store }: OpenStore,
  filter: DeadLetterFilter,
): Promise<DeadLetterRecord[]> {
  return store.listDeadLetters(filter, { after: 0, limit: 1_000, bytesMax: 1e9 });
}

const CURSORS: StoreParts = {
  'take makes a subscription, and takes it over under a new term': async (t, open) => {
    const { store } = open;
    const topic = await topicWith(open, 3);
    t.equal(await store.find(topic.id, 'sub'), null);
    const first = await store.take(topic.id, 'sub', { settings: SETTINGS, cursor: 2 });
    t.match(first, { record: { term: 1 }, deliveries: [] });
    t.match(first.record, {
      topicId: topic.id,
      topic: topicNameOf(topic.key),
      name: 'sub',
      paused: false,
    });
    t.match(first.record, { ackFloor: 2, delivered: 2, settled: [], settings: SETTINGS });
    t.ok(Math.abs(first.record.createdAtMs - Date.now()) < 60_000);
    t.same(await store.find(topic.id, 'sub'), first.record);
    const other = { ...SETTINGS, maxDeliver: 9 };
    const second = await store.take(topic.id, 'sub', { settings: other, cursor: 3 });
    t.same(second.record, { ...first.record, term: second.record.term });
    t.ok(second.record.term > first.record.term);
    await t.rejects(store.take(topic.id, 'none', null), { code: 'subscription_not_found' });
    t.equal(await store.find(topic.id, 'none'), null);
    const third = await store.take(topic.id, 'sub', null);
    t.equal(third.record.term, second.record.term + 1);
    await t.rejects(store.take(topic.id + 1_000_000, 'sub', null), { code: 'topic_not_found' });
    await t.rejects(store.take(topic.id + 1_000_000, 'sub', { settings: SETTINGS, cursor: 0 }), {
      code: 'topic_not_found',
    });
  },

  'of takes at once one creates, and each has a term of its own': async (t, open) => {
    const topic = await topicWith(open, 0);
    const all = await Promise.all(
      Array.from({ length: 20 }, () =>
        open.store.take(topic.id, 'race', { settings: SETTINGS, cursor: 0 }),
      ),
    );
    t.equal(all.filter(({ record }) => record.term === 1).length, 1);
    t.equal(new Set(all.map((taken) => taken.record.id)).size, 1);
    t.equal(new Set(all.map((taken) => taken.record.term)).size, 20);
  },

  'what was saved comes back with the next take': async (t, open) => {
    const { store } = open;
    const topic = await topicWith(open, 20);
    const record = await taken(open, topic);
    const changes = {
      ackFloor: 4,
      settled: [
        [6, 7],
        [9, 15],
      ] as [number, number][],
      delivered: 17,
      settings: { ackWaitMs: 86_400_000, maxDeliver: 1, ordering: 'key' as const },
      paused: true,
    };
    const deliveries = [
      failed(16, { attempts: 0, firstFailedAtMs: 0, lastError: null, redriven: true }),
      failed(5, { lastError: 'a\0b "{}" \\ é' }),
    ];
    t.same(await store.save([saveOf(record, { ...changes, deliveries })]), []);
    const again = await store.take(topic.id, 'sub', { settings: SETTINGS, cursor: 0 });
    t.same(again.record, { ...record, ...changes, term: again.record.term });
    const [five, sixteen] = again.deliveries;
    t.same(sixteen, deliveries[0]);
    t.match(five?.lastError, /^a.b "\{\}" \\ é$/s, 'U+0000 may be replaced');
    t.same({ ...five, lastError: null }, failed(5, { lastError: null }));
  },

  'an old term is refused, and nothing of it is stored': async (t, open) => {
    const { store } = open;
    const topic = await topicWith(open, 9);
    const old = await taken(open, topic);
    const other = await taken(open, topic, 'other');
    const owner = await taken(open, topic);
    const late = saveOf(old, {
      ackFloor: 3,
      deliveries: [failed(4)],
      deadLetters: [givenUp(3)],
      failures: [failure(4)],
    });
    const fine = saveOf(other, { ackFloor: 2, deliveries: [failed(5)] });
    const missing = saveOf({ ...other, id: other.id + 1_000_000 });
    t.same((await store.save([late, missing, fine])).sort(), [old.id, missing.id].sort());
    const again = await store.take(topic.id, 'sub', { settings: SETTINGS, cursor: 0 });
    t.match(again, { record: { ackFloor: 0 }, deliveries: [] });
    t.equal(
      (await store.take(topic.id, 'other', { settings: SETTINGS, cursor: 0 })).record.ackFloor,
      2,
    );
    t.same(await store.save([saveOf(owner, { ackFloor: 1 })]), [owner.id], 'also of cursors alone');
    t.same(await lettersOf(open, filterOf(topic)), []);
    t.same((await store.traceOf(topic.id, 4)).failures, []);
  },

  'rows that are settled go, a seek drops all': async (t, open) => {
    const { store } = open;
    const topic = await topicWith(open, 9);
    const record = await taken(open, topic);
    const rows = [1, 2, 3, 4].map((sequence) => failed(sequence));
    await store.save([saveOf(record, { deliveries: rows })]);
    const next = saveOf(record, {
      ackFloor: 2,
      settledDeliveries: [1, 2, 8],
      deliveries: [failed(3, { attempts: 4 })],
    });
    t.same(await store.save([next]), []);
    t.same(await deliveriesOf(open, topic), [failed(3, { attempts: 4 }), failed(4)]);
    const { record: newest } = await store.take(topic.id, 'sub', { settings: SETTINGS, cursor: 0 });
    await store.save([
      saveOf(newest, { dropDeliveries: true, deliveries: [failed(4), failed(6)] }),
    ]);
    t.same(await deliveriesOf(open, topic), [failed(4), failed(6)]);
  },

  'fifty subscriptions with 100,000 messages acked leave fifty rows': async (t, open) => {
    const { store } = open;
    const topic = await topicWith(open, 0);
    const records: SubscriptionRecord[] = [];
    for (let n = 0; n < 50; n++) records.push(await taken(open, topic, `s${n}`));
    for (let floor = 2_000; floor <= 100_000; floor += 2_000) {
      const saves = records.map((record) =>
        saveOf(record, {
          ackFloor: floor,
          delivered: floor + 5,
          settled: [[floor + 2, floor + 3]],
        }),
      );
      t.same(await store.save(saves), []);
    }
    for (const { id } of records) {
      const rows = await open.rowsOf(id);
      if (rows !== null) t.same(rows, [1, 1, 0, 0]);
    }
    const listed = await store.list(topic.key, { after: null, limit: 100 });
    t.equal(listed.length, 50);
    t.ok(listed.every(({ ackFloor, delivered }) => ackFloor === 100_000 && delivered === 100_005));
  },

  'a save that is repeated changes nothing': async (t, open) => {
    const { store } = open;
    const topic = await topicWith(open, 9);
    const record = await taken(open, topic);
    await store.save([saveOf(record, { deadLetters: [givenUp(1)], deliveries: [failed(2)] })]);
    await store.redrive(
      TENANT,
      (await lettersOf(open, filterOf(topic))).map(({ id }) => id),
    );
    const save = saveOf(record, {
      ackFloor: 3,
      deliveries: [failed(5)],
      settledDeliveries: [2],
      deadLetters: [givenUp(1), givenUp(4)],
      failures: [failure(5), failure(5, { attempt: 2 })],
    });
    const seen = async (): Promise<unknown> => ({
      found: await store.find(topic.id, 'sub'),
      letters: (await lettersOf(open, filterOf(topic))).map(plain),
      trace: (await store.traceOf(topic.id, 5)).failures,
      delivery: (await store.traceOf(topic.id, 5)).subscriptions[0]?.delivery,
    });
    t.same(await store.save([save]), []);
    const before = await seen();
    t.same(await store.save([save]), []);
    t.same(await seen(), before);
    t.match(before, { letters: [{ redrivenCount: 1 }, { redrivenCount: 0 }] });
  },

  'names of every allowed kind are kept apart, and listed in byte order': async (t, open) => {
    const { store } = open;
    const names = [
      '0',
      'A',
      'a',
      'a-b',
      'a.b',
      'a:b',
      'a_b',
      'aXb',
      '_',
      ':',
      '-',
      'n'.repeat(255),
    ];
    const [one, two] = [await topicWith(open, 0), await topicWith(open, 0)];
    for (const name of [...names].reverse()) await taken(open, one, name);
    await taken(open, two, 'a');
    const page = (after: { topic: string; name: string } | null, limit: number): Promise<unknown> =>
      store.list(one.key, { after, limit }).then((found) => found.map((record) => record.name));
    const inOrder = [...names].sort();
    t.same(await page(null, 100), inOrder);
    t.same(await page({ topic: topicNameOf(one.key), name: 'a-b' }, 2), ['a.b', 'a:b']);
    t.same(await page({ topic: topicNameOf(one.key), name: 'a\0' }, 1), ['a-b']);
    t.equal((await store.find(one.id, 'a:b'))?.name, 'a:b');
    t.equal(await store.find(one.id, 'a\0b'), null);
    const after = { topic: topicNameOf(one.key), name: inOrder.at(-1) ?? '' };
    const rest = await store.list(TENANT, { after, limit: 1 });
    t.match(rest, [{ topic: topicNameOf(two.key), name: 'a' }]);
    t.same(await store.list(NOBODY.tenant, { after: null, limit: 10 }), []);
  },

  'delete removes all of a subscription, and of no other': async (t, open) => {
    const { store } = open;
    const topic = await topicWith(open, 9);
    const [record, other] = [await taken(open, topic), await taken(open, topic, 'other')];
    const more = { deliveries: [failed(2)], deadLetters: [givenUp(1)], failures: [failure(2)] };
    await store.save([saveOf(record, more), saveOf(other, more)]);
    t.equal(await store.delete(topic.id, 'sub'), true);
    t.equal(await store.delete(topic.id, 'sub'), false);
    t.equal(await store.find(topic.id, 'sub'), null);
    t.same(await store.save([saveOf(record, more)]), [record.id]);
    t.match(await lettersOf(open, filterOf(topic)), [{ subscription: 'other' }]);
    t.equal((await store.traceOf(topic.id, 2)).failures.length, 1);
    const rows = await open.rowsOf(record.id);
    if (rows !== null) t.same(rows, [0, 0, 0, 0]);
    const again = await store.take(topic.id, 'sub', { settings: SETTINGS, cursor: 7 });
    t.match(again, { deliveries: [], record: { term: 1, ackFloor: 7 } });
    t.not(again.record.id, record.id);
  },

  'what belongs to a deleted topic is gone': async (t, open) => {
    const { store, log } = open;
    const topic = await topicWith(open, 9);
    const record = await taken(open, topic);
    const save = saveOf(record, { deliveries: [failed(2)], deadLetters: [givenUp(1)] });
    await store.save([save]);
    const ids = (await lettersOf(open, filterOf(topic))).map(({ id }) => id);
    await log.deleteTopic(topic.key);
    t.equal(await store.find(topic.id, 'sub'), null);
    t.equal(await store.delete(topic.id, 'sub'), false);
    t.same(await store.save([saveOf(record)]), [record.id]);
    t.same(await store.redrive(TENANT, ids), []);
    t.same(await store.traceOf(topic.id, 1), {
      ...{ subscriptions: [], deadLetters: [], failures: [], next: null },
    });
    await t.rejects(store.take(topic.id, 'sub', { settings: SETTINGS, cursor: 0 }));
    await log.createTopic(topic.key, null);
    t.same(await lettersOf(open, filterOf(topic)), []);
    t.equal(await store.countDeadLetters(filterOf(null, { ids })), 0);
    t.same(await store.list(topic.key, { after: null, limit: 10 }), []);
  },

  'a topic has so many at most, and not one more however many ask at once': async (
    t,
    _open,
    factory,
  ) => {
    const first = await factory({ durablesPerTopicMax: 5 });
    t.teardown(() => first.log.close());
    const isShared = first.log.mode === 'postgres';
    const second = isShared ? await factory({ durablesPerTopicMax: 5 }) : first;
    if (isShared) t.teardown(() => second.log.close());
    const topic = await topicWith(first, 0);
    const takes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => taken(n % 2 === 0 ? first : second, topic, `s${n}`)),
    );
    const made = takes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    t.equal(made.length, 5);
    for (const one of takes) {
      if (one.status === 'rejected') t.equal(one.reason.code, 'subscription_limit');
    }
    const late = taken(first, topic, 'late');
    await t.rejects(late, { code: 'subscription_limit', message: /DURABLES_PER_TOPIC_MAX/ });
    const { name = '' } = made[0] ?? {};
    t.equal(
      (await taken(second, topic, name)).name,
      name,
      'one that is there is taken all the same',
    );
    t.ok(await taken(first, await topicWith(first, 0), 'late'), 'of each topic');
    await first.store.delete(topic.id, name);
    t.ok(await taken(second, topic, 'late'));
  },

  'whoever holds one can ask whether it is still his': async (t, open) => {
    const { store } = open;
    const topic = await topicWith(open, 1);
    t.same(await store.lost([]), []);
    const held: SubscriptionRecord[] = [];
    for (const name of ['kept', 'taken', 'deleted']) held.push(await taken(open, topic, name));
    t.same(await store.lost(held), []);
    await taken(open, topic, 'taken');
    await store.delete(topic.id, 'deleted');
    const [, other, deleted] = held;
    const lost = await store.lost(held);
    t.same(
      lost.sort((a, b) => a.id - b.id),
      [
        { id: other?.id, why: 'taken_over' },
        { id: deleted?.id, why: 'deleted' },
      ],
    );
  },

  'another that has its id and term, as a log that was restored gives them, is not taken for it':
    async (t, open) => {
      const { store } = open;
      const [topic, other] = [await topicWith(open, 5), await topicWith(open, 1)];
      const record = await taken(open, topic);
      for (const was of [{ topicId: other.id }, { createdAtMs: record.createdAtMs - 1 }]) {
        const held = { ...record, ...was };
        t.same(await store.lost([held]), [{ id: record.id, why: 'deleted' }]);
        const more = { ackFloor: 3, delivered: 3, deadLetters: [givenUp(4)] };
        t.same(await store.save([saveOf(held, more)]), [record.id]);
        t.same(await store.save([saveOf(held, { ackFloor: 3, delivered: 3 })]), [record.id]);
      }
      t.match(await store.find(topic.id, 'sub'), { ackFloor: 0 });
      t.same(await lettersOf(open, filterOf(topic)), []);
      t.same(await store.save([saveOf(record, { ackFloor: 3, delivered: 3 })]), []);
    },
};

/** Takes it over: its delivery rows. */
export async function deliveriesOf(
  { store }: OpenStore,
  topic: TopicRecord,
): Promise<DeliveryRecord[]> {
  return (await store.take(topic.id, 'sub', { settings: SETTINGS, cursor: 0 })).deliveries;
}

/** With what tap compares well. */
export function plain(letter: DeadLetterRecord): object {
  const { payload, messageId, ...row } = letter.row;
  return {
    ...letter,
    row: {
      ...row,
      payload: Buffer.from(payload).toString('hex'),
      messageId: Buffer.from(messageId).toString('hex'),
    },
  };
}
