/**
 * What every message log must do: one suite, run for each variant (memory-log.test.ts,
 * postgres-log.test.ts). Topics have names of their own, so a variant may keep one database for
 * all.
 */

import type { Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import type { Limits } from '../../src/core/limits.js';
import type { TopicRecord } from '../../src/core/topic-record.js';
import type { MessageLog, ReadRange } from '../../src/log/contract/message-log.js';
import { keyOf } from '../support/tenants/tenants.js';
import { DEFERRED } from './message-log-deferred.js';
import { TENANTS } from './message-log-tenants.js';
import { TOPICS } from './message-log-topics.js';
import type { Outcome, RecordingSink } from './recording-sink.js';
import { TestAppend } from './recording-sink.js';

export interface OpenLog {
  log: MessageLog<TestAppend>;
  sink: RecordingSink;
}

/** An open log, whose database knows the tenant OTHER; the suite closes it. */
export type Factory = (limits?: Partial<Limits>) => Promise<OpenLog>;

/** Sentences of behaviour, each with its test. */
export type Parts = Record<string, (t: Test, open: OpenLog, factory: Factory) => Promise<void>>;

let made = 0;

/** A new topic under a name of its own. */
export async function newTopic(log: MessageLog<TestAppend>): Promise<TopicRecord> {
  const { topic } = await log.createTopic(keyOf(`contract.${process.pid}.${++made}`), null);
  return topic;
}

export function text(value: string): Uint8Array {
  return Buffer.from(value, 'utf8');
}

/** Appends, flushes, waits for all outcomes. */
export async function put({ log }: OpenLog, ...appends: TestAppend[]): Promise<Outcome[]> {
  for (const append of appends) log.append(append);
  log.flush();
  await eventually(() => appends.every((append) => append.outcome !== null));
  return appends.map((append) => append.outcome as Outcome);
}

export function rangeOf(topicId: number, range: Partial<ReadRange> = {}): ReadRange {
  return {
    topicId,
    fromSequence: 1,
    toSequence: Number.POSITIVE_INFINITY,
    rowsMax: 1_000,
    bytesMax: 16 * 1024 * 1024,
    order: 'asc',
    ...range,
  };
}

export function suite(t: Test, factory: Factory): void {
  t.test('topics', (t) => run(t, factory, TOPICS));
  t.test('tenants', (t) => run(t, factory, TENANTS));
  t.test('append', (t) => run(t, factory, APPEND));
  t.test('dedupe', (t) => run(t, factory, DEDUPE, { dedupeWindowMs: 400 }));
  t.test('read', (t) => run(t, factory, READ));
  t.test('deferred', (t) => run(t, factory, DEFERRED));
  t.test('close', (t) => closeTest(t, factory));
}

/**
 * One log for the parts of a section, closed with it: another log of the same database would
 * release what the next one defers.
 */
async function run(
  t: Test,
  factory: Factory,
  parts: Parts,
  limits: Partial<Limits> = {},
): Promise<void> {
  const open = await factory(limits);
  t.teardown(() => open.log.close());
  for (const [name, part] of Object.entries(parts)) t.test(name, (t) => part(t, open, factory));
}

const APPEND: Parts = {
  'gives contiguous sequences in the order of the appends, per topic': async (t, open) => {
    const { log, sink } = open;
    const topics = await Promise.all([newTopic(log), newTopic(log), newTopic(log)]);
    const appends: TestAppend[] = [];
    for (let n = 0; n < 600; n++) {
      const topic = topics[n % 3];
      if (topic === undefined) continue;
      const append = new TestAppend(topic.id, { payload: text(`{"n":${n}}`) });
      appends.push(append);
      log.append(append);
      if (n % 50 === 0) log.flush();
    }
    t.ok(
      appends.some((append) => append.outcome === null),
      'append itself never answers',
    );
    log.flush();
    await eventually(() => appends.every((append) => append.outcome !== null));
    for (const topic of topics) {
      const ofTopic = appends.filter((append) => append.topicId === topic.id);
      t.same(
        ofTopic.map((append) => append.sequence),
        Array.from({ length: 200 }, (_, n) => n + 1),
      );
      const page = await log.read(rangeOf(topic.id));
      t.same(
        page.rows.map((row) => Buffer.from(row.payload).toString()),
        ofTopic.map((append) => Buffer.from(append.publication.payload).toString()),
      );
      const head = (await log.heads([topic.id])).get(topic.id);
      t.equal(head?.lastSequence, 200);
      t.equal(head?.lastPublishedAtMs, page.rows.at(-1)?.publishedAtMs);
    }
    const times = sink.commits.filter((commit) => commit.topicId === topics[0]?.id);
    t.same(
      times.map((commit) => commit.publishedAtMs),
      times.map((commit) => commit.publishedAtMs).sort((a, b) => a - b),
      'time never falls within a topic',
    );
  },

  'fails what has no topic, and commits the rest of the batch': async (t, open) => {
    const { log } = open;
    const topic = await newTopic(log);
    const good = new TestAppend(topic.id, { payload: text('1') });
    const bad = new TestAppend(topic.id + 1_000_000, { payload: text('2') });
    const [first, second] = await put(open, bad, good);
    t.match(first, { kind: 'failed', code: 'topic_not_found' });
    t.match(second, { kind: 'committed', sequence: 1 });
  },

  'keeps every byte of everything': (t, open) => everyByte(t, open, 'together'),
  'keeps every byte of what comes alone': (t, open) => everyByte(t, open, 'alone'),
};

async function everyByte(t: Test, open: OpenLog, how: 'together' | 'alone'): Promise<void> {
  const { log } = open;
  const topic = await newTopic(log);
  const odd = 'a\\.\t\r\n\\N\u0000\u0001"\\u0000 \u{1F600} é \u{10FFFF} \x1e';
  const noNul = odd.replaceAll('\0', '');
  const large = Buffer.alloc(256 * 1024, 'x');
  for (let n = 0; n < large.length; n++) large[n] = n % 251;
  const payloads = [text(odd), Buffer.from([0, 255, 0, 10, 92, 46, 10]), large, text('\\.')];
  const appends = payloads.map(
    (payload, n) =>
      new TestAppend(topic.id, {
        payload,
        contentType: n % 2 === 0 ? 0 : 1,
        key: n === 0 ? noNul.slice(0, 80) : n === 3 ? '\\.' : null,
        headers: n === 0 ? JSON.stringify({ odd }) : n === 3 ? '{}' : null,
        dedupeKey: how === 'together' && n === 0 ? noNul : null,
        ttlMs: n === 0 ? 60_000 : 0,
      }),
  );
  if (how === 'together') await put(open, ...appends);
  else for (const append of appends) await put(open, append);
  const { rows } = await log.read(rangeOf(topic.id));
  t.equal(rows.length, payloads.length);
  rows.forEach((row, n) => {
    const sent = appends[n]?.publication;
    t.ok(sent !== undefined && Buffer.compare(row.payload, sent.payload) === 0, 'payload');
    t.equal(row.key, sent?.key);
    t.equal(row.headers, sent?.headers);
    t.equal(row.contentType, sent?.contentType);
    t.same(Buffer.from(row.messageId), Buffer.from(appends[n]?.messageId ?? []));
    t.equal(row.expiresAtMs, n === 0 ? row.publishedAtMs + 60_000 : 0);
  });
}

function keyed(topicId: number, body: string, dedupeKey: string): TestAppend {
  return new TestAppend(topicId, { payload: text(body), dedupeKey });
}

const DEDUPE: Parts = {
  'answers a repeat with the first result, and another body with a mismatch': async (t, open) => {
    const { log } = open;
    const topic = await newTopic(log);
    const first = keyed(topic.id, '1', 'k');
    await put(open, first);
    const [again, other] = await put(open, keyed(topic.id, '1', 'k'), keyed(topic.id, '2', 'k'));
    t.match(again, { kind: 'duplicate', first: { sequence: 1 } });
    if (again?.kind === 'duplicate') {
      t.same(Buffer.from(again.first.messageId), Buffer.from(first.messageId));
      const page = await log.read(rangeOf(topic.id));
      t.equal(again.first.publishedAtMs, page.rows[0]?.publishedAtMs);
      t.equal(page.rows.length, 1);
    }
    t.match(other, { kind: 'failed', code: 'dedupe_mismatch' });
  },

  'compares by value what is written otherwise': async (t, open) => {
    const { log } = open;
    const topic = await newTopic(log);
    const kept = { payload: text('{"a":[1,2],"b":"\\u00e9"}'), headers: '{"x":"1","y":"2"}' };
    const large = text(`{"a":"${'x'.repeat(20_000)}"}`);
    await put(
      open,
      new TestAppend(topic.id, { ...kept, dedupeKey: 'k' }),
      new TestAppend(topic.id, { ...kept, payload: large, dedupeKey: 'large' }),
    );
    const repeat = { payload: text('{"b":"é", "a":[1.0, 2e0]}'), headers: '{ "y":"2", "x":"1" }' };
    const other = { payload: text('{"a":[2,1],"b":"é"}'), headers: kept.headers };
    const spaced = { ...kept, payload: text(` ${Buffer.from(large)}`), dedupeKey: 'large' };
    const asLarge = { ...kept, payload: text(`{"a":"${'y'.repeat(20_000)}"}`), dedupeKey: 'large' };
    const outcomes = await put(
      open,
      new TestAppend(topic.id, { ...repeat, dedupeKey: 'k' }),
      new TestAppend(topic.id, { ...other, dedupeKey: 'k' }),
      new TestAppend(topic.id, { ...kept, headers: null, dedupeKey: 'k' }),
      new TestAppend(topic.id, { ...repeat, payload: large, dedupeKey: 'large' }),
      new TestAppend(topic.id, spaced),
      new TestAppend(topic.id, asLarge),
      new TestAppend(topic.id, { ...kept, dedupeKey: 'b' }),
      new TestAppend(topic.id, { ...repeat, dedupeKey: 'b' }),
    );
    t.match(outcomes, [
      { kind: 'duplicate', first: { sequence: 1, deferred: null } },
      { kind: 'failed', code: 'dedupe_mismatch' },
      { kind: 'failed', code: 'dedupe_mismatch' },
      { kind: 'duplicate', first: { sequence: 2 } },
      { kind: 'failed', code: 'dedupe_mismatch', detail: /16 KiB/ },
      { kind: 'failed', code: 'dedupe_mismatch' },
      { kind: 'committed', sequence: 3 },
      { kind: 'duplicate', first: { sequence: 3 } },
    ]);
  },

  'works inside one batch, and leaves no hole in the sequences': async (t, open) => {
    const { log } = open;
    const topic = await newTopic(log);
    const outcomes = await put(
      open,
      keyed(topic.id, '1', 'a'),
      keyed(topic.id, '1', 'a'),
      keyed(topic.id, '2', 'a'),
      keyed(topic.id, '3', 'b'),
      new TestAppend(topic.id, { payload: text('4') }),
    );
    t.match(outcomes[0], { kind: 'committed', sequence: 1 });
    t.match(outcomes[1], { kind: 'duplicate', first: { sequence: 1 } });
    t.match(outcomes[2], { kind: 'failed', code: 'dedupe_mismatch' });
    t.match(outcomes[3], { kind: 'committed', sequence: 2 });
    t.match(outcomes[4], { kind: 'committed', sequence: 3 });
  },

  'keeps keys of one topic apart from those of another': async (t, open) => {
    const { log } = open;
    const [one, two] = [await newTopic(log), await newTopic(log)];
    const outcomes = await put(open, keyed(one.id, '1', 'k'), keyed(two.id, '2', 'k'));
    t.same(
      outcomes.map((outcome) => outcome.kind),
      ['committed', 'committed'],
    );
  },

  'forgets a key after its window': async (t, open) => {
    const { log } = open;
    const topic = await newTopic(log);
    await put(open, keyed(topic.id, '1', 'k'));
    await new Promise((resolve) => setTimeout(resolve, 600));
    const [outcome] = await put(open, keyed(topic.id, 'other', 'k'));
    t.match(outcome, { kind: 'committed', sequence: 2 });
    const [again] = await put(open, keyed(topic.id, 'other', 'k'));
    t.match(again, { kind: 'duplicate', first: { sequence: 2 } });
  },
};

type Sequences = (range: Partial<ReadRange>) => Promise<number[]>;

/** A new topic with 20 messages of 1,000 bytes, and what a read of it gives. */
async function twenty(open: OpenLog): Promise<{ topic: TopicRecord; sequences: Sequences }> {
  const { log } = open;
  const topic = await newTopic(log);
  const appends = Array.from(
    { length: 20 },
    (_, n) => new TestAppend(topic.id, { payload: Buffer.alloc(1_000, n) }),
  );
  await put(open, ...appends);
  const sequences: Sequences = async (range) =>
    (await log.read(rangeOf(topic.id, range))).rows.map((row) => row.sequence);
  return { topic, sequences };
}

const READ: Parts = {
  'gives ranges in both orders': async (t, open) => {
    const { sequences } = await twenty(open);
    t.same(await sequences({ fromSequence: 18 }), [18, 19, 20]);
    t.same(await sequences({ fromSequence: 5, toSequence: 7 }), [5, 6, 7]);
    t.same(await sequences({ rowsMax: 2 }), [1, 2]);
    t.same(await sequences({ order: 'desc', rowsMax: 3 }), [20, 19, 18]);
    t.same(await sequences({ order: 'desc', fromSequence: 4, toSequence: 6 }), [6, 5, 4]);
    t.same(await sequences({ fromSequence: 21 }), []);
    t.same(await sequences({ fromSequence: 7, toSequence: 6 }), []);
    t.same(await sequences({ fromSequence: -3, toSequence: 2 }), [1, 2]);
  },

  'stops after the row that passes bytesMax, and gives at least one': async (t, open) => {
    const { sequences } = await twenty(open);
    t.same(await sequences({ bytesMax: 1 }), [1]);
    t.same(await sequences({ bytesMax: 2_000 }), [1, 2]);
    t.same(await sequences({ bytesMax: 2_000, order: 'desc' }), [20, 19]);
  },

  'tells the bounds of the topic, of an empty page too': async (t, open) => {
    const { topic } = await twenty(open);
    const { log } = open;
    const page = await log.read(rangeOf(topic.id, { fromSequence: 21 }));
    t.match(page, { rows: [], firstSequence: 1, lastSequence: 20 });
    const empty = await newTopic(log);
    t.match(await log.read(rangeOf(empty.id)), { rows: [], firstSequence: 1, lastSequence: 0 });
  },

  'finds the first sequence at or after a time': async (t, open) => {
    const { topic } = await twenty(open);
    const { log } = open;
    const { rows } = await log.read(rangeOf(topic.id));
    const first = rows[0]?.publishedAtMs ?? 0;
    const last = rows.at(-1)?.publishedAtMs ?? 0;
    t.equal(await log.sequenceAt(topic.id, 0), 1);
    t.equal(await log.sequenceAt(topic.id, first), 1);
    t.equal(await log.sequenceAt(topic.id, last + 60_000), 21);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await put(open, new TestAppend(topic.id, { payload: text('late') }));
    t.equal(await log.sequenceAt(topic.id, last + 10), 21);
  },
};

async function closeTest(t: Test, factory: Factory): Promise<void> {
  t.test('answers what is under way, and fails what comes after', async (t) => {
    const { log } = await factory();
    const topic = await newTopic(log);
    const appends = Array.from(
      { length: 50 },
      (_, n) => new TestAppend(topic.id, { payload: text(`${n}`) }),
    );
    for (const append of appends) log.append(append);
    log.flush();
    await log.close();
    t.ok(
      appends.every((append) => append.outcome !== null),
      'each has its outcome',
    );
    t.equal(log.state, 'closed');
    const late = new TestAppend(topic.id, { payload: text('late') });
    log.append(late);
    log.flush();
    await eventually(() => late.outcome !== null);
    t.match(late.outcome, { kind: 'failed', code: 'draining' });
  });
}
