/** The contract suite's part on what waits to be appended. */
import type { Publication } from '../../src/core/message.js';
import type { DeferredRecord } from '../../src/log/message-log.js';
import { eventually } from '../support/eventually.js';
import type { OpenLog, Parts } from './message-log.js';
import { newTopic, put, rangeOf, TENANT, text } from './message-log.js';
import { TestAppend } from './recording-sink.js';

const HOUR_MS = 3_600_000;

function defer(
  { log }: OpenLog,
  topicId: number,
  body: string,
  more: Partial<Publication> & { delayMs?: number; deliverAtMs?: number },
): Promise<DeferredRecord> {
  const { delayMs = 0, deliverAtMs = 0, ...rest } = more;
  const { publication } = new TestAppend(topicId, { payload: text(body), ...rest });
  return log.defer({ tenant: TENANT, topicId, publication, delayMs, deliverAtMs });
}

export const DEFERRED: Parts = {
  'are listed until they are cancelled': async (t, open) => {
    const { log } = open;
    const topic = await newTopic(log);
    const one = await defer(open, topic.id, '{"a":1}', { delayMs: HOUR_MS });
    const at = Date.now() + 2 * HOUR_MS;
    const two = await defer(open, topic.id, '22', { deliverAtMs: at });
    t.match(one, { topic: topic.name, bytes: 7 });
    t.ok(Math.abs(one.deliverAtMs - one.createdAtMs - HOUR_MS) < 1_000);
    t.equal(two.deliverAtMs, at);
    const list = (after: number, limit: number): Promise<DeferredRecord[]> =>
      log.listDeferred(TENANT, { topic: topic.name, after, limit });
    t.same(await list(0, 10), [one, two]);
    t.same(await list(0, 1), [one]);
    t.same(await list(one.id, 10), [two]);
    t.same(await log.listDeferred('nobody', { topic: null, after: 0, limit: 10 }), []);
    t.ok((await log.totals(TENANT)).deferred >= 2);
    t.equal(await log.cancelDeferred('nobody', one.id), 'unknown');
    t.equal(await log.cancelDeferred(TENANT, one.id), 'cancelled');
    t.equal(await log.cancelDeferred(TENANT, one.id), 'unknown');
    t.equal(await log.cancelDeferred(TENANT, 987_654_321), 'unknown');
    t.same(await list(0, 10), [two]);
    t.equal(await log.cancelDeferred(TENANT, two.id), 'cancelled');
  },

  'are appended in the order they are due, after which none can be cancelled': async (t, open) => {
    const { log, sink } = open;
    const topic = await newTopic(log);
    await put(open, new TestAppend(topic.id, { payload: text('0') }));
    const at = Date.now() + 300;
    const cancelled = await defer(open, topic.id, 'never', { deliverAtMs: at });
    const second = await defer(open, topic.id, '2', { deliverAtMs: at, delayMs: 0 });
    await defer(open, topic.id, '3', {
      deliverAtMs: at,
      key: 'k',
      headers: '{"h":"v"}',
      ttlMs: 500,
    });
    const first = await defer(open, topic.id, '1', { delayMs: 0, deliverAtMs: 1 });
    t.equal(await log.cancelDeferred(TENANT, cancelled.id), 'cancelled');
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
    t.equal(await log.cancelDeferred('nobody', second.id), 'unknown');
    t.same(await log.listDeferred(TENANT, { topic: topic.name, after: 0, limit: 10 }), []);
    const [next] = await put(open, new TestAppend(topic.id, { payload: text('4') }));
    t.match(next, { kind: 'committed', sequence: 5 });
  },

  'obey the dedupe keys of the topic': async (t, open) => {
    const { log, sink } = open;
    const topic = await newTopic(log);
    const first = new TestAppend(topic.id, { payload: text('1'), dedupeKey: 'k' });
    await put(open, first);
    await defer(open, topic.id, '1', { deliverAtMs: 1, dedupeKey: 'k' });
    await defer(open, topic.id, '2', { deliverAtMs: 1, dedupeKey: 'd' });
    await defer(open, topic.id, '2', { deliverAtMs: 1, dedupeKey: 'd' });
    await defer(open, topic.id, '3', { deliverAtMs: 1 });
    await eventually(() => sink.releases.get(topic.id)?.at(-1)?.sequence === 3);
    const page = await log.read(rangeOf(topic.id));
    t.same(
      page.rows.map((row) => Buffer.from(row.payload).toString()),
      ['1', '2', '3'],
    );
    const again = new TestAppend(topic.id, { payload: text('2'), dedupeKey: 'd' });
    t.match((await put(open, again))[0], { kind: 'duplicate', first: { sequence: 2 } });
  },

  'of a deleted topic are gone': async (t, open) => {
    const { log, sink } = open;
    const topic = await newTopic(log);
    await defer(open, topic.id, '1', { delayMs: 200 });
    await log.deleteTopic(TENANT, topic.name);
    t.same(await log.listDeferred(TENANT, { topic: topic.name, after: 0, limit: 10 }), []);
    await t.rejects(defer(open, topic.id, '2', { delayMs: 100 }), { code: 'topic_not_found' });
    await log.createTopic(TENANT, topic.name, null);
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
