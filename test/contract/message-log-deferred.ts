/** The contract suite's part on what waits to be appended. */

import { eventually } from '../../native-bench/rig/eventually.js';
import type { DeferredRecord } from '../../src/core/deferred-record.js';
import type { Publication } from '../../src/core/message.js';
import { topicNameOf } from '../../src/core/topic-key.js';
import type { DeferOutcome } from '../../src/log/contract/message-log.js';
import { NOBODY, TENANT } from '../support/tenants/tenants.js';
import type { OpenLog, Parts } from './message-log.js';
import { newTopic, put, rangeOf, text } from './message-log.js';
import { TestAppend } from './recording-sink.js';

const HOUR_MS = 3_600_000;

type Deferring = Partial<Publication> & { delayMs?: number; deliverAtMs?: number };

function ask(
  { log }: OpenLog,
  topicId: number,
  body: string,
  more: Deferring,
): Promise<DeferOutcome> {
  const { delayMs = 0, deliverAtMs = 0, ...rest } = more;
  const { publication } = new TestAppend(topicId, { payload: text(body), ...rest });
  return log.defer({ tenant: TENANT, topicId, publication, delayMs, deliverAtMs });
}

/** One that is not a repeat. */
async function defer(
  open: OpenLog,
  topicId: number,
  body: string,
  more: Deferring,
): Promise<DeferredRecord> {
  const { record } = await ask(open, topicId, body, more);
  if (record === null) throw new Error(`${body} repeats another`);
  return record;
}

/** Runs `work` with a moment that is still to come when it has ended: again, and later, where it was not. */
async function before<T>(work: (atMs: number) => Promise<T>): Promise<T> {
  for (let leadMs = 300; ; leadMs *= 2) {
    const atMs = Date.now() + leadMs;
    const done = await work(atMs);
    if (Date.now() < atMs) return done;
  }
}

export const DEFERRED: Parts = {
  'are listed until they are cancelled': async (t, open) => {
    const { log } = open;
    const topic = await newTopic(log);
    const one = await defer(open, topic.id, '{"a":1}', { delayMs: HOUR_MS });
    const at = Date.now() + 2 * HOUR_MS;
    const two = await defer(open, topic.id, '22', { deliverAtMs: at });
    t.match(one, { topic: topicNameOf(topic.key), bytes: 7 });
    t.ok(Math.abs(one.deliverAtMs - one.createdAtMs - HOUR_MS) < 1_000);
    t.equal(two.deliverAtMs, at);
    const list = (after: number, limit: number): Promise<DeferredRecord[]> =>
      log.listDeferred(topic.key, { after, limit });
    t.same(await list(0, 10), [one, two]);
    t.same(await list(0, 1), [one]);
    t.same(await list(one.id, 10), [two]);
    t.same(await log.listDeferred(NOBODY.tenant, { after: 0, limit: 10 }), []);
    t.ok((await log.totals(TENANT)).deferred >= 2);
    t.equal(await log.cancelDeferred(NOBODY.tenant, one.id), 'unknown');
    t.equal(await log.cancelDeferred(TENANT, one.id), 'cancelled');
    t.equal(await log.cancelDeferred(TENANT, one.id), 'unknown');
    t.equal(await log.cancelDeferred(TENANT, 987_654_321), 'unknown');
    t.same(await list(0, 10), [two]);
    t.equal(await log.cancelDeferred(TENANT, two.id), 'cancelled');
  },

  'are appended in the order they are due, after which none can be cancelled': async (t, open) => {
    const { log, sink } = open;
    const { topic, at, first, second, cancel } = await before(async (at) => {
      const topic = await newTopic(log);
      await put(open, new TestAppend(topic.id, { payload: text('0') }));
      const cancelled = await defer(open, topic.id, 'never', { deliverAtMs: at });
      const second = await defer(open, topic.id, '2', { deliverAtMs: at, delayMs: 0 });
      const more = { key: 'k', headers: '{"h":"v"}', ttlMs: 500 };
      await defer(open, topic.id, '3', { deliverAtMs: at, ...more });
      const first = await defer(open, topic.id, '1', { delayMs: 0, deliverAtMs: 1 });
      const cancel = await log.cancelDeferred(TENANT, cancelled.id);
      return { topic, at, first, second, cancel };
    });
    t.equal(cancel, 'cancelled');
    await eventually(() => sink.releases.get(topic.id)?.length === 3);
    const rows = sink.releases.get(topic.id) ?? [];
    const bodies = rows.map((row) => Buffer.from(row.payload).toString());
    t.same(bodies, ['1', '2', '3']);
    t.same(
      rows.map((row) => row.sequence),
      [2, 3, 4],
    );
    const page = await log.read(rangeOf(topic.id, { fromSequence: 2 }));
    t.same(page.rows.map(plain), rows.map(plain), 'the log has what was released');
    t.match(rows[2], { key: 'k', headers: '{"h":"v"}' });
    t.equal(rows[2]?.expiresAtMs, (rows[2]?.publishedAtMs ?? 0) + 500);
    t.ok((rows[1]?.publishedAtMs ?? 0) >= at, 'not before its time');
    t.equal(await log.cancelDeferred(TENANT, first.id), 'released');
    t.equal(await log.cancelDeferred(TENANT, second.id), 'released');
    t.equal(await log.cancelDeferred(NOBODY.tenant, second.id), 'unknown');
    t.same(await log.listDeferred(topic.key, { after: 0, limit: 10 }), []);
    const [next] = await put(open, new TestAppend(topic.id, { payload: text('4') }));
    t.match(next, { kind: 'committed', sequence: 5 });
  },

  'hold their dedupe key from the moment they are accepted': async (t, open) => {
    const { log } = open;
    const topic = await newTopic(log);
    const first = await defer(open, topic.id, '{"a":1,"b":2}', {
      delayMs: HOUR_MS,
      dedupeKey: 'k',
    });
    const deferred = { id: first.id, deliverAtMs: first.deliverAtMs };
    const repeats: [string, string, Deferring][] = [
      ['the same', '{"a":1,"b":2}', { delayMs: HOUR_MS }],
      ['another delay', '{"a":1,"b":2}', { deliverAtMs: Date.now() + 5 * HOUR_MS }],
      ['another ttl', '{"a":1,"b":2}', { delayMs: 1, ttlMs: 5 }],
      ['written otherwise', '{ "b" : 2.0, "a":1 }', { delayMs: HOUR_MS }],
    ];
    for (const [what, body, more] of repeats) {
      const outcome = await ask(open, topic.id, body, { ...more, dedupeKey: 'k' });
      t.match(outcome, { record: null, first: { sequence: 0, deferred } }, what);
    }
    const others: [string, string, Deferring][] = [
      ['another body', '{"a":1,"b":3}', {}],
      ['a key', '{"a":1,"b":2}', { key: 'x' }],
      ['headers', '{"a":1,"b":2}', { headers: '{"h":"v"}' }],
    ];
    const mismatch = { code: 'dedupe_mismatch' } as const;
    for (const [what, body, more] of others) {
      await t.rejects(
        ask(open, topic.id, body, { ...more, delayMs: 1, dedupeKey: 'k' }),
        mismatch,
        what,
      );
      const append = new TestAppend(topic.id, { payload: text(body), ...more, dedupeKey: 'k' });
      t.match((await put(open, append))[0], { kind: 'failed', ...mismatch }, what);
    }
    const now = new TestAppend(topic.id, { payload: text('{"a":1,"b":2}'), dedupeKey: 'k' });
    const [outcome] = await put(open, now);
    t.match(outcome, { kind: 'duplicate', first: { sequence: 0, deferred } }, 'published at once');
    t.equal((await log.listDeferred(topic.key, { after: 0, limit: 9 })).length, 1);
    const elsewhere = await newTopic(log);
    t.match(await ask(open, elsewhere.id, '3', { delayMs: HOUR_MS, dedupeKey: 'k' }), {
      first: null,
    });
    t.equal(await log.cancelDeferred(TENANT, first.id), 'cancelled');
    const again = await defer(open, topic.id, '"free"', { delayMs: HOUR_MS, dedupeKey: 'k' });
    t.ok(again.id > first.id, 'a cancelled one frees its key');
    await log.cancelDeferred(TENANT, again.id);
    const [after] = await put(
      open,
      new TestAppend(topic.id, { payload: text('1'), dedupeKey: 'k' }),
    );
    t.match(after, { kind: 'committed', sequence: 1 });
  },

  'of many at once under one key one is the first': async (t, open) => {
    const { log, sink } = open;
    const topic = await newTopic(log);
    const all = await Promise.all(
      Array.from({ length: 20 }, () => ask(open, topic.id, '1', { delayMs: 50, dedupeKey: 'k' })),
    );
    const ids = all.map(({ record, first }) => record?.id ?? first?.deferred?.id);
    t.equal(new Set(ids).size, 1);
    t.equal(all.filter(({ record }) => record !== null).length, 1);
    await eventually(() => sink.releases.get(topic.id)?.length === 1);
    const late = await ask(open, topic.id, '1', { delayMs: 50, dedupeKey: 'k' });
    const [row] = (await log.read(rangeOf(topic.id))).rows;
    t.match(late.first, {
      sequence: 1,
      deferred: { id: ids[0] },
      publishedAtMs: row?.publishedAtMs,
    });
    t.same(Buffer.from(late.first?.messageId ?? []), Buffer.from(row?.messageId ?? []));
    const mismatch = { code: 'dedupe_mismatch' } as const;
    await t.rejects(ask(open, topic.id, '2', { delayMs: 50, dedupeKey: 'k' }), mismatch);
    t.equal(await log.cancelDeferred(TENANT, ids[0] ?? 0), 'released');
  },

  'and publishes at once share the dedupe keys of the topic': async (t, open) => {
    const { log, sink } = open;
    const topic = await newTopic(log);
    const first = new TestAppend(topic.id, { payload: text('{"n":1}'), dedupeKey: 'k' });
    await put(open, first);
    const repeat = await ask(open, topic.id, '{ "n": 1 }', { deliverAtMs: 1, dedupeKey: 'k' });
    t.match(repeat, { record: null, first: { sequence: 1, deferred: null } });
    const mismatch = { code: 'dedupe_mismatch' } as const;
    await t.rejects(ask(open, topic.id, '2', { delayMs: HOUR_MS, dedupeKey: 'k' }), mismatch);
    const { id } = await defer(open, topic.id, '2', { deliverAtMs: 1, dedupeKey: 'd' });
    await defer(open, topic.id, '3', { deliverAtMs: 1 });
    await eventually(() => sink.releases.get(topic.id)?.at(-1)?.sequence === 3);
    const page = await log.read(rangeOf(topic.id));
    t.same(
      page.rows.map((row) => Buffer.from(row.payload).toString()),
      ['{"n":1}', '2', '3'],
    );
    const again = new TestAppend(topic.id, { payload: text('2'), dedupeKey: 'd' });
    const [outcome] = await put(open, again);
    t.match(outcome, { kind: 'duplicate', first: { sequence: 2, deferred: { id } } });
  },

  'of a deleted topic are gone': async (t, open) => {
    const { log, sink } = open;
    const topic = await before(async (deliverAtMs) => {
      const topic = await newTopic(log);
      await defer(open, topic.id, '1', { deliverAtMs });
      await log.deleteTopic(topic.key);
      return topic;
    });
    t.same(await log.listDeferred(topic.key, { after: 0, limit: 10 }), []);
    await t.rejects(defer(open, topic.id, '2', { delayMs: 100 }), { code: 'topic_not_found' });
    await log.createTopic(topic.key, null);
    const marker = await newTopic(log);
    await defer(open, marker.id, '1', { delayMs: 300 });
    await eventually(() => sink.releases.has(marker.id));
    t.notOk(sink.releases.has(topic.id));
  },
};

function plain(row: { payload: Uint8Array; messageId: Uint8Array }): object {
  return {
    ...row,
    payload: Buffer.from(row.payload).toString('hex'),
    messageId: Buffer.from(row.messageId).toString('hex'),
  };
}
