/** The subscription store's suite, its part on dead letters. */

import { topicNameOf } from '../../src/core/topic-key.js';
import { NOBODY, TENANT } from '../support/tenants/tenants.js';
import { newTopic, put, text } from './message-log.js';
import { TestAppend } from './recording-sink.js';
import type { StoreParts } from './subscription-store.js';
import {
  deliveriesOf,
  failed,
  failure,
  filterOf,
  givenUp,
  lettersOf,
  PAST_MS,
  SETTINGS,
  saveOf,
  taken,
  topicWith,
} from './subscription-store.js';

export const DEAD_LETTERS: StoreParts = {
  'are copies of the log, byte for byte': async (t, open) => {
    const topic = await newTopic(open.log);
    const large = Buffer.from(Array.from({ length: 100_000 }, (_, n) => n % 251));
    const odd = 'a\\.\t\r\n\\N "{}" \u{1F600} é';
    await put(
      open,
      new TestAppend(topic.id, { payload: text('{"n":1}') }),
      new TestAppend(topic.id, { payload: large, contentType: 1, key: odd, ttlMs: 60_000 }),
      new TestAppend(topic.id, { payload: text(odd), headers: JSON.stringify({ odd }) }),
    );
    const record = await taken(open, topic);
    const drafts = [
      givenUp(2, { reason: 'rejected', lastError: `${odd}\0` }),
      givenUp(3, { attempts: 1, lastError: null }),
      givenUp(99),
    ];
    const save = saveOf(record, { deliveries: [], deadLetters: drafts });
    const before = await open.log.totals(TENANT);
    t.same(await open.store.save([save]), []);
    const letters = await lettersOf(open, filterOf(topic));
    const counted = async (): Promise<number> =>
      (await open.log.totals(TENANT)).deadLetters - before.deadLetters;
    t.equal(await counted(), 2);
    const page = await open.log.read({
      ...{ topicId: topic.id, fromSequence: 2, toSequence: 3, rowsMax: 9 },
      ...{ bytesMax: 1e9, order: 'asc' },
    });
    t.equal(letters.length, 2, 'what the log does not have is left out');
    letters.forEach((letter, n) => {
      const row = page.rows[n];
      t.ok(row !== undefined && Buffer.compare(letter.row.payload, row.payload) === 0);
      t.ok(row !== undefined && Buffer.compare(letter.row.messageId, row.messageId) === 0);
      const { payload: _, messageId: __, ...rest } = letter.row;
      t.match(row, rest);
    });
    t.match(letters[0], { topicId: topic.id, topic: topicNameOf(topic.key), subscription: 'sub' });
    t.match(letters[0], { subscriptionId: record.id, session: null, reason: 'rejected' });
    t.match(letters[0], {
      attempts: 5,
      firstFailedAtMs: PAST_MS,
      lastFailedAtMs: PAST_MS + 60_000,
    });
    t.match(letters[1], { lastError: null, redriven: false, redrivenCount: 0, attempts: 1 });
    const all = await open.store.groupDeadLetters(filterOf(topic));
    const of = { topic: topicNameOf(topic.key), subscription: 'sub', count: 1 };
    t.equal(all.length, 2, 'of another reason and error is another group');
    t.match(
      all.find(({ reason }) => reason === 'max_deliver'),
      { ...of, error: null, firstFailedAtMs: PAST_MS, lastFailedAtMs: PAST_MS + 60_000 },
    );
    await open.store.redrive(TENANT, [letters[1]?.id ?? 0]);
    t.match(await open.store.groupDeadLetters(filterOf(topic)), [{ ...of, reason: 'rejected' }]);
    t.same(await open.store.groupDeadLetters({ ...filterOf(topic), within: NOBODY.tenant }), []);
    t.equal(await counted(), 1, 'one that was given back is none');
  },

  'are counted by what went wrong, the most first': async (t, open) => {
    const topic = await topicWith(open, 5);
    const record = await taken(open, topic);
    const long = 'é'.repeat(300);
    const deadLetters = [
      ...[1, 2, 3].map((n) => givenUp(n, { lastError: `${long} ${n}` })),
      givenUp(4, { lastError: 'another' }),
    ];
    await open.store.save([saveOf(record, { deadLetters })]);
    t.match(await open.store.groupDeadLetters(filterOf(topic)), [
      { count: 3, error: long.slice(0, 200), reason: 'max_deliver' },
      { count: 1, error: 'another' },
    ]);
  },

  'are counted by topic, beside how far its subscriptions are': async (t, open) => {
    const { store } = open;
    const [topic, empty] = [await topicWith(open, 5), await topicWith(open, 2)];
    const [slow, fast] = [await taken(open, topic, 'slow'), await taken(open, topic, 'fast')];
    const deadLetters = [2, 3].map((sequence) => givenUp(sequence));
    await store.save([
      saveOf(slow, { ackFloor: 1, settled: [[2, 3]], delivered: 3, deadLetters }),
      saveOf(fast, { ackFloor: 4, delivered: 4 }),
    ]);
    const of = (ids: number[]) => store.arrears(TENANT, ids);
    const both = [topic.id, empty.id];
    const byId = async () => (await of(both)).sort((a, b) => a.topicId - b.topicId);
    const none = { topicId: empty.id, floor: null, deadLetters: 0 };
    t.same(await byId(), [{ topicId: topic.id, floor: 1, deadLetters: 2 }, none]);
    const letters = await lettersOf(open, filterOf(topic));
    await store.redrive(TENANT, [letters[0]?.id ?? 0]);
    t.match(await of([topic.id]), [{ deadLetters: 1 }], 'one that was given back is none');
    await store.delete(topic.id, 'slow');
    t.same(await byId(), [{ topicId: topic.id, floor: 4, deadLetters: 0 }, none]);
    await open.log.deleteTopic(topic.key);
    t.same(await byId(), [none]);
    t.same(await of([]), []);
  },

  'take the place of their delivery rows': async (t, open) => {
    const topic = await topicWith(open, 5);
    const record = await taken(open, topic);
    await open.store.save([saveOf(record, { deliveries: [failed(1), failed(2)] })]);
    await open.store.save([saveOf(record, { deadLetters: [givenUp(1)] })]);
    t.same(await deliveriesOf(open, topic), [failed(2)]);
  },

  'are listed by id in pages, by topic, subscription and ids': async (t, open) => {
    const { store } = open;
    const [one, two] = [await topicWith(open, 9), await topicWith(open, 9)];
    const [a, b] = [await taken(open, one, 'a'), await taken(open, one, 'b')];
    const c = await taken(open, two, 'a');
    const up = [1, 2, 3].map((sequence) => givenUp(sequence));
    for (const record of [a, b, c]) await store.save([saveOf(record, { deadLetters: up })]);
    const ofOne = await lettersOf(open, filterOf(one));
    const ids = ofOne.map(({ id }) => id);
    t.equal(ids.length, 6);
    t.same(
      ids,
      [...ids].sort((x, y) => x - y),
    );
    const page = { after: ids[1] ?? 0, limit: 3, bytesMax: 1e9 };
    const middle = await store.listDeadLetters(filterOf(one), page);
    t.same(
      middle.map(({ id }) => id),
      ids.slice(2, 5),
    );
    const bytes = async (bytesMax: number): Promise<number> =>
      (await store.listDeadLetters(filterOf(one), { after: 0, limit: 100, bytesMax })).length;
    t.same([await bytes(0), await bytes(1), await bytes(7), await bytes(8)], [1, 1, 1, 2]);
    const ofB = await lettersOf(open, filterOf(one, { subscription: 'b' }));
    t.ok(ofB.length === 3 && ofB.every((letter) => letter.subscriptionId === b.id));
    const some = [ids[0] ?? 0, ids[5] ?? 0, 987_654_321];
    t.equal((await lettersOf(open, filterOf(one, { ids: some }))).length, 2);
    t.equal((await lettersOf(open, filterOf(two, { ids: some }))).length, 0);
    t.equal((await lettersOf(open, filterOf(one, { ids: [] }))).length, 0);
    t.equal(await store.countDeadLetters(filterOf(one)), 6);
    t.equal(await store.countDeadLetters(filterOf(one, { subscription: 'a', ids: some })), 1);
    t.equal(await store.countDeadLetters(filterOf(one, { subscription: 'no\0ne' })), 0);
  },

  'of another tenant are not seen': async (t, open) => {
    const { store } = open;
    const topic = await topicWith(open, 3);
    await store.save([saveOf(await taken(open, topic), { deadLetters: [givenUp(1)] })]);
    for (const within of [NOBODY.tenant, NOBODY.keyOf(topicNameOf(topic.key))]) {
      const filter = filterOf(topic, { within });
      t.same(await lettersOf(open, filter), []);
      t.equal(await store.countDeadLetters(filter), 0);
      t.equal(await store.purgeDeadLetters(filter, 10), 0);
    }
    t.equal(await store.countDeadLetters(filterOf(topic)), 1);
  },

  'are purged at most `limit` at a time': async (t, open) => {
    const { store } = open;
    const topic = await topicWith(open, 9);
    const record = await taken(open, topic);
    const up = [1, 2, 3, 4, 5].map((sequence) => givenUp(sequence));
    await store.save([saveOf(record, { deadLetters: up })]);
    const ids = (await lettersOf(open, filterOf(topic))).map(({ id }) => id);
    t.equal(await store.purgeDeadLetters(filterOf(topic), 2), 2);
    t.equal(await store.purgeDeadLetters(filterOf(topic, { ids: [ids[4] ?? 0] }), 2), 1);
    t.same(
      (await lettersOf(open, filterOf(topic))).map((letter) => letter.row.sequence),
      [3, 4],
    );
    t.equal(await store.purgeDeadLetters(filterOf(topic), 100), 2);
    t.equal(await store.purgeDeadLetters(filterOf(topic), 100), 0);
  },

  'of an ephemeral subscription keep its session': async (t, open) => {
    const { store } = open;
    const [topic, other] = [await topicWith(open, 5), await topicWith(open, 5)];
    const save = {
      topicId: topic.id,
      session: 'n1/77',
      deadLetters: [givenUp(1), givenUp(2), givenUp(44)],
      failures: [failure(1, { session: 'n1/77' })],
      settledDeliveries: [],
    };
    await store.saveEphemeral(save);
    await store.saveEphemeral(save);
    await store.saveEphemeral({ ...save, session: 'n1/78', deadLetters: [givenUp(1)] });
    await store.saveEphemeral({ ...save, topicId: other.id, deadLetters: [givenUp(1)] });
    const letters = await lettersOf(open, filterOf(topic));
    t.match(letters, [
      { subscription: null, subscriptionId: null, session: 'n1/77', row: { sequence: 1 } },
      { subscription: null, subscriptionId: null, session: 'n1/77', row: { sequence: 2 } },
      { subscription: null, subscriptionId: null, session: 'n1/78', row: { sequence: 1 } },
    ]);
    const [first] = letters;
    t.match(await store.redrive(TENANT, [first?.id ?? 0]), [{ id: first?.id, redriven: true }]);
    const of = { topicId: topic.id, session: 'n1/77' };
    t.equal((await store.redrivenRows(of, [1, 2])).length, 1);
    t.equal((await store.redrivenRows({ ...of, topicId: other.id }, [1, 2])).length, 0);
    const settled = { ...save, deadLetters: [], failures: [], settledDeliveries: [1, 2] };
    await store.saveEphemeral(settled);
    await store.saveEphemeral(settled);
    t.match(await lettersOf(open, filterOf(topic)), [{ session: 'n1/77' }, { session: 'n1/78' }]);
    t.equal(await store.countDeadLetters(filterOf(topic, { ids: [first?.id ?? 0] })), 0);
    await open.store.saveEphemeral({ ...save, topicId: topic.id + 1_000_000 });
  },

  'of what the log has forgotten are missing, and owed to whoever takes the subscription': async (
    t,
    open,
  ) => {
    const { store } = open;
    const topic = await topicWith(open, 6);
    const record = await taken(open, topic);
    await store.save([saveOf(record, { delivered: 6, deliveries: [failed(2), failed(3)] })]);
    await open.forget(topic, 3);
    const missing: unknown[] = [];
    const deadLetters = [2, 3, 4].map((sequence) => givenUp(sequence));
    const save = saveOf(record, { ackFloor: 1, settled: [[2, 4]], delivered: 6, deadLetters });
    for (let n = 1; n <= 2; n++) {
      missing.length = 0;
      t.same(await store.save([save], (one) => missing.push(one)), []);
      const { id } = record;
      t.same(missing, [
        { id, sequence: 2 },
        { id, sequence: 3 },
      ]);
    }
    t.match(await lettersOf(open, filterOf(topic)), [{ row: { sequence: 4 } }]);
    const owed = await deliveriesOf(open, topic);
    t.match(owed, [
      { sequence: 2, redriven: true, attempts: 0 },
      { sequence: 3, redriven: true, attempts: 0 },
    ]);
    t.same(
      await store.redrivenRows({ topicId: topic.id, subscriptionId: record.id }, [2, 3]),
      [],
      'told as a gap',
    );
    const { record: newest } = await store.take(topic.id, 'sub', { settings: SETTINGS, cursor: 0 });
    await store.save([saveOf(newest, { settledDeliveries: [2, 3] })]);
    t.same(await deliveriesOf(open, topic), []);
    const ephemeral = { topicId: topic.id, session: 'n1/80', failures: [], settledDeliveries: [] };
    const gone: number[] = [];
    await store.saveEphemeral({ ...ephemeral, deadLetters }, (sequence) => gone.push(sequence));
    t.same(gone, [2, 3]);
  },
};
