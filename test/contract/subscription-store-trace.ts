/** The subscription store's suite, its part on what became of one message. */

import { makeUuidV7 } from '../../src/core/uuid.js';
import { NOBODY, TENANT } from '../support/tenants/tenants.js';
import { newTopic, put, text } from './message-log.js';
import { TestAppend } from './recording-sink.js';
import type { StoreParts } from './subscription-store.js';
import {
  failed,
  failure,
  filterOf,
  givenUp,
  lettersOf,
  PAST_MS,
  saveOf,
  taken,
  topicWith,
} from './subscription-store.js';

export const TRACE: StoreParts = {
  'finds a message of a living topic by its id': async (t, open) => {
    const { store, log } = open;
    const topic = await newTopic(log);
    const appends = ['1', '2', '3'].map((n) => new TestAppend(topic.id, { payload: text(n) }));
    await put(open, ...appends);
    const ids = appends.map((append) => append.messageId);
    const [first = new Uint8Array(16), second = first] = ids;
    const found = await store.findMessage(TENANT, second);
    t.match(found, { key: topic.key, topicId: topic.id, row: { sequence: 2 } });
    t.equal(Buffer.from(found?.row.payload ?? []).toString(), '2');
    t.equal(await store.findMessage(NOBODY.tenant, second), null);
    t.equal(await store.findMessage(TENANT, makeUuidV7(Date.now(), 0)), null);
    t.equal(await store.findMessage(TENANT, new Uint8Array(16).fill(255)), null);
    t.equal(await store.findMessage(TENANT, new Uint8Array(16)), null);
    await open.forget(topic, 1);
    t.equal(await store.findMessage(TENANT, first), null);
    await log.deleteTopic(topic.key);
    t.equal(await store.findMessage(TENANT, second), null);
  },

  'tells how every subscription stands to a message': async (t, open) => {
    const { store } = open;
    const topic = await topicWith(open, 5);
    const [a, b] = [await taken(open, topic, 'a'), await taken(open, topic, 'b')];
    await taken(open, topic, 'c');
    const now = Date.now();
    const failures = [
      failure(2, { attempt: 2, atMs: now - 10, outcome: 'rejected', reason: null }),
      failure(2, { attempt: 1, atMs: now - 20, outcome: 'ack_wait', reason: 'x\0y' }),
      failure(3),
    ];
    await store.save([
      saveOf(a, { deadLetters: [givenUp(2), givenUp(3)], failures }),
      saveOf(b, { deliveries: [failed(2), failed(3)] }),
    ]);
    const session = 'eph';
    const unsaid = failure(2, { attempt: 1, atMs: now, outcome: 'disconnect', session });
    await store.saveEphemeral({
      ...{ topicId: topic.id, session, deadLetters: [givenUp(2)] },
      ...{ failures: [unsaid], settledDeliveries: [] },
    });
    const trace = await store.traceOf(topic.id, 2);
    t.same(
      trace.subscriptions.map(({ record, delivery }) => [record.name, delivery]),
      [
        ['a', null],
        ['b', failed(2)],
        ['c', null],
      ],
    );
    t.same(trace.subscriptions[0]?.record, await store.find(topic.id, 'a'));
    t.match(trace.deadLetters, [
      { subscription: 'a', session: null },
      { subscription: null, session },
    ]);
    t.equal(trace.deadLetters.length, 2);
    t.match(trace.failures, [
      { subscription: 'a', attempt: 1, atMs: now - 20, outcome: 'ack_wait', session: 's1' },
      { subscription: 'a', attempt: 2, atMs: now - 10, outcome: 'rejected', reason: null },
      { subscription: null, attempt: 1, atMs: now, outcome: 'disconnect', session },
    ]);
    t.equal(trace.failures.length, 3);
    await store.redrive(
      TENANT,
      trace.deadLetters.map(({ id }) => id),
    );
    const after = await store.traceOf(topic.id, 2);
    t.match(after.deadLetters, [{ redriven: true }, { redriven: true }]);
    t.match(after.subscriptions[0]?.delivery, { attempts: 0, redriven: true });
    t.equal((await lettersOf(open, filterOf(topic))).length, 1);
  },

  'gives at most 1,000 failures': async (t, open) => {
    const { store } = open;
    const topic = await topicWith(open, 1);
    const record = await taken(open, topic);
    const failures = Array.from({ length: 1_100 }, (_, n) =>
      failure(1, { attempt: n + 1, atMs: PAST_MS + n }),
    );
    await store.save([saveOf(record, { failures })]);
    const trace = await store.traceOf(topic.id, 1);
    t.equal(trace.failures.length, 1_000);
    t.equal(trace.failures[0]?.attempt, 1);
  },

  'pages through the subscriptions by name': async (t, open) => {
    const { store } = open;
    const topic = await topicWith(open, 1);
    const names = ['a', 'b', 'c', 'd', 'e'];
    for (const name of [...names].reverse()) {
      const record = await taken(open, topic, name);
      await store.save([saveOf(record, { deadLetters: name < 'd' ? [givenUp(1)] : [] })]);
    }
    await store.saveEphemeral({
      ...{ topicId: topic.id, session: 'eph', deadLetters: [givenUp(1)] },
      ...{ failures: [], settledDeliveries: [] },
    });
    const pages: unknown[] = [];
    for (let after: string | null = ''; after !== null; ) {
      const trace: Awaited<ReturnType<typeof store.traceOf>> = await store.traceOf(topic.id, 1, {
        ...{ after, limit: 2 },
      });
      const letters = trace.deadLetters.map(({ subscription }) => subscription);
      pages.push([trace.subscriptions.map(({ record }) => record.name), letters.sort()]);
      after = trace.next;
    }
    t.same(pages, [
      [
        ['a', 'b'],
        ['a', 'b', null],
      ],
      [['c', 'd'], ['c']],
      [['e'], []],
    ]);
    t.equal((await store.traceOf(topic.id, 1, { after: '', limit: 5 })).next, null);
    t.equal((await store.traceOf(topic.id, 1, { after: 'a\0', limit: 1 })).next, 'b');
  },
};
