/** The contract suite's part on two tenants, each with a topic of the same name. */

import { eventually } from '../../native-bench/rig/eventually.js';
import { ANYONE } from '../../src/core/principal.js';
import { type TopicKey, topicNameOf } from '../../src/core/topic-key.js';
import { NOBODY, OTHER, TENANT } from '../support/tenants/tenants.js';
import { newTopic, type OpenLog, type Parts, put, rangeOf, text } from './message-log.js';
import { type Outcome, TestAppend } from './recording-sink.js';

const HOUR_MS = 3_600_000;
const ALL = { prefix: '', after: '', limit: 10_000 };

/** A topic of one tenant and of the other, of one name. */
async function twins({ log }: OpenLog): Promise<{ ours: Twin; theirs: Twin }> {
  const { key, id } = await newTopic(log);
  const twin = OTHER.keyOf(topicNameOf(key));
  const { topic } = await log.createTopic(twin, null);
  return { ours: { key, id }, theirs: { key: twin, id: topic.id } };
}

interface Twin {
  key: TopicKey;
  id: number;
}

async function said(open: OpenLog, { id }: Twin, body: string, dedupeKey: string | null = null) {
  const [outcome] = await put(open, new TestAppend(id, { payload: text(body), dedupeKey }));
  return outcome as Outcome;
}

interface Deferral {
  tenant: typeof TENANT;
  twin: Twin;
  delayMs: number;
  dedupeKey: string | null;
}

function later({ log }: OpenLog, { tenant, twin, delayMs, dedupeKey }: Deferral) {
  const { publication } = new TestAppend(twin.id, { payload: text('1'), dedupeKey });
  return log.defer({ tenant, topicId: twin.id, publication, delayMs, deliverAtMs: 0 });
}

async function textsOf({ log }: OpenLog, { id }: Twin): Promise<string[]> {
  const { rows } = await log.read(rangeOf(id));
  return rows.map((row) => Buffer.from(row.payload).toString());
}

export const TENANTS: Parts = {
  'have topics of their own, of one name': async (t, open) => {
    const { log } = open;
    const { ours, theirs } = await twins(open);
    t.not(ours.id, theirs.id);
    t.match(await log.findTopic(ours.key), ours);
    t.match(await log.findTopic(theirs.key), theirs);
    const both = await log.findTopics([ours.key, theirs.key]);
    t.match(both.get(ours.key), ours);
    t.match(both.get(theirs.key), theirs);
    t.equal(both.size, 2);
    const more = await twins(open);
    const crossed = await log.findTopics([ours.key, more.theirs.key]);
    t.same(
      [...crossed.keys()].sort(),
      [ours.key, more.theirs.key].sort(),
      'not every name of each',
    );
    const listed = async (of: typeof TENANT): Promise<number[]> =>
      (await log.listTopics(of, ALL)).map(({ id }) => id);
    t.ok((await listed(TENANT)).includes(ours.id));
    t.notOk((await listed(TENANT)).includes(theirs.id));
    t.ok((await listed(OTHER.tenant)).includes(theirs.id));
    t.notOk((await listed(OTHER.tenant)).includes(ours.id));
  },

  'have what they make for themselves alone': async (t, open) => {
    const { log } = open;
    const { key, id } = await newTopic(log);
    const twin = OTHER.keyOf(topicNameOf(key));
    t.equal(await log.findTopic(twin), null);
    t.equal((await log.findTopics([twin])).size, 0);
    const { topic, created } = await log.createTopic(twin, null);
    t.equal(created, true);
    const heads = await log.heads([id, topic.id]);
    t.equal(heads.get(id)?.key, key);
    t.equal(heads.get(topic.id)?.key, twin);
    if (log.mode === 'memory') return;
    const nobodys = log.createTopic(NOBODY.keyOf(topicNameOf(key)), null);
    await t.rejects(nobodys, { code: 'not_found', message: 'no such tenant' });
  },

  'change and delete their own alone': async (t, open) => {
    const { log } = open;
    const { ours, theirs } = await twins(open);
    await said(open, ours, '"ours"');
    await said(open, theirs, '"theirs"');
    await log.patchTopic(theirs.key, { hours: 1, messages: 7, bytes: null });
    t.match((await log.findTopic(ours.key))?.retention, { hours: null, messages: null });
    t.equal((await log.deleteTopic(theirs.key))?.id, theirs.id);
    t.equal(await log.findTopic(theirs.key), null);
    t.match(await log.findTopic(ours.key), { id: ours.id, lastSequence: 1 });
    t.same(await textsOf(open, ours), ['"ours"']);
    const made = await log.createTopic(theirs.key, null);
    t.equal(made.created, true, 'the name is free for them again');
    t.not(made.topic.id, ours.id);
  },

  'have sequences and dedupe keys of their own': async (t, open) => {
    const { ours, theirs } = await twins(open);
    t.match(await said(open, ours, '"ours"', 'k'), { kind: 'committed', sequence: 1 });
    t.match(await said(open, theirs, '"theirs"', 'k'), { kind: 'committed', sequence: 1 });
    t.match(await said(open, ours, '"ours"', 'k'), { kind: 'duplicate', first: { sequence: 1 } });
    t.match(await said(open, theirs, '"ours"', 'k'), { code: 'dedupe_mismatch' });
    t.match(await said(open, theirs, '"more"'), { kind: 'committed', sequence: 2 });
    t.same(await textsOf(open, ours), ['"ours"']);
    t.same(await textsOf(open, theirs), ['"theirs"', '"more"']);
  },

  'see and cancel their own deferred messages alone': async (t, open) => {
    const { log } = open;
    const { ours, theirs } = await twins(open);
    const ask = (tenant: typeof TENANT, twin: Twin, delayMs: number) =>
      later(open, { tenant, twin, delayMs, dedupeKey: 'later' });
    for (const dedupeKey of ['later', null]) {
      const asked = { tenant: OTHER.tenant, twin: ours, delayMs: HOUR_MS, dedupeKey };
      await t.rejects(later(open, asked), { code: 'topic_not_found' }, `${dedupeKey}`);
    }
    const { record: one } = await ask(TENANT, ours, HOUR_MS);
    const { record: two } = await ask(OTHER.tenant, theirs, HOUR_MS);
    t.ok(one !== null && two !== null, 'neither repeats the other');
    const [id = 0, twinId = 0] = [one?.id, two?.id];
    const page = { after: 0, limit: 10_000 };
    const idsIn = async (within: Parameters<typeof log.listDeferred>[0]): Promise<number[]> =>
      (await log.listDeferred(within, page)).map((record) => record.id);
    t.same([await idsIn(ours.key), await idsIn(theirs.key)], [[id], [twinId]]);
    t.notOk((await idsIn(TENANT)).includes(twinId));
    t.notOk((await idsIn(OTHER.tenant)).includes(id));
    t.equal(await log.cancelDeferred(OTHER.tenant, id), 'unknown');
    t.equal(await log.cancelDeferred(TENANT, twinId), 'unknown');
    t.equal(await log.cancelDeferred(TENANT, id), 'cancelled');
    t.equal(await log.cancelDeferred(OTHER.tenant, twinId), 'cancelled');
    const { record: soon } = await ask(TENANT, ours, 1);
    await eventually(async () => (await textsOf(open, ours)).length === 1);
    t.equal(await log.cancelDeferred(OTHER.tenant, soon?.id ?? 0), 'unknown', 'released or not');
    t.equal(await log.cancelDeferred(TENANT, soon?.id ?? 0), 'released');
    t.same(await textsOf(open, theirs), []);
  },

  'are counted apart, in totals and towards their limit': async (t, open, factory) => {
    const { log } = open;
    const before = [await log.totals(TENANT), await log.totals(OTHER.tenant)] as const;
    const { ours } = await twins(open);
    await said(open, ours, '1');
    const waits = { tenant: TENANT, twin: ours, delayMs: HOUR_MS, dedupeKey: null };
    const { record } = await later(open, waits);
    const after = [await log.totals(TENANT), await log.totals(OTHER.tenant)] as const;
    t.equal(after[0].messages, before[0].messages + 1);
    t.equal(after[1].messages, before[1].messages);
    t.equal(after[0].deferred, before[0].deferred + 1);
    t.equal(after[1].deferred, before[1].deferred);
    await log.cancelDeferred(TENANT, record?.id ?? 0);
    t.equal(after[0].topics, before[0].topics + 1);
    t.equal(after[1].topics, before[1].topics + 1);
    // The one has room for one more exactly when it is counted without the other.
    const { topics } = after[1];
    t.ok(after[0].topics > 1);
    const limited = await factory({ topicsPerTenantMax: topics + 1 });
    t.teardown(() => limited.log.close());
    const inMemory = log.mode === 'memory';
    for (let n = inMemory ? topics : 0; n > 0; n--) {
      await limited.log.createTopic(OTHER.keyOf(`have.${n}`), null);
      await limited.log.createTopic(ANYONE.keyOf(`have.${n}`), null);
    }
    t.ok(await limited.log.createTopic(OTHER.keyOf('room.for.one'), null));
    const more = limited.log.createTopic(OTHER.keyOf('room.for.two'), null);
    await t.rejects(more, { code: 'topic_limit' });
  },
};
