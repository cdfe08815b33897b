// Goal: the in-memory log stays within its bounds of messages, bytes and memory, keeps the newest,
// and appends in about a microsecond.

import t from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import type { Clock } from '../../../../src/core/clock.js';
import type { Limits } from '../../../../src/core/limits.js';
import { DEFAULT_LIMITS } from '../../../../src/core/limits.js';
import type { LogSink } from '../../../../src/log/contract/message-log.js';
import { HotRows } from '../../../../src/log/memory/hot-rows.js';
import { MemoryLog } from '../../../../src/log/memory/memory-log.js';
import { rangeOf, text } from '../../../contract/message-log.js';
import { RecordingSink, TestAppend } from '../../../contract/recording-sink.js';
import { keyOf, TENANT } from '../../../support/tenants/tenants.js';

const HOUR_MS = 3_600_000;
const MIB = 1024 * 1024;

class TestClock implements Clock {
  nowMs = 1_700_000_000_000;
  now(): number {
    return this.nowMs;
  }
  monotonic(): number {
    return this.nowMs;
  }
  random(): number {
    return 0.5;
  }
}

/** Timers that fire when the test says so. */
class TestTimers {
  readonly waiting = new Map<NodeJS.Timeout, { callback: () => void; ms: number }>();
  set = (callback: () => void, ms: number): NodeJS.Timeout => {
    const timer = setTimeout(() => undefined, 0);
    this.waiting.set(timer, { callback, ms });
    return timer;
  };
  clear = (timer: NodeJS.Timeout): void => {
    this.waiting.delete(timer);
  };
  fire(): void {
    for (const [timer, { callback }] of [...this.waiting]) {
      if (this.waiting.delete(timer)) callback();
    }
  }
}

function open(
  limits: Partial<Limits> = {},
  sink: LogSink<TestAppend> = new RecordingSink(),
): { log: MemoryLog<TestAppend>; clock: TestClock; timers: TestTimers } {
  const clock = new TestClock();
  const timers = new TestTimers();
  const options = { limits: { ...DEFAULT_LIMITS, ...limits }, clock, timers, sink };
  const log = new MemoryLog<TestAppend>({ ...options, idBase: 1, idStep: 1 });
  void log.open();
  return { log, clock, timers };
}

async function topicOf(log: MemoryLog<TestAppend>, name: string): Promise<number> {
  return (await log.createTopic(keyOf(name), null)).topic.id;
}

function fill(log: MemoryLog<TestAppend>, topicId: number, count: number, bytes: number): void {
  const payload = Buffer.alloc(bytes, 'x');
  for (let n = 0; n < count; n++) {
    log.append(new TestAppend(topicId, { payload }));
    if (n % 500 === 499) log.flush();
  }
  log.flush();
}

async function firstAndCount(log: MemoryLog<TestAppend>, topicId: number): Promise<number[]> {
  const { rows, firstSequence } = await log.read(rangeOf(topicId, { rowsMax: 1_000_000 }));
  t.ok(rows.every((row, index) => row.sequence === firstSequence + index));
  return [firstSequence, rows.length];
}

t.test('rows are found by sequence whatever was evicted', async (t) => {
  const rows = new HotRows();
  let bytes = 0;
  for (let n = 1; n <= 5_000; n++) {
    const { publication, messageId } = new TestAppend(7, {
      payload: Buffer.alloc(n % 300, n % 256),
      key: n % 3 === 0 ? `kéy${n}` : null,
      headers: n % 5 === 0 ? `{"n":"${n}"}` : null,
    });
    rows.append({ messageId, publishedAtMs: n * 2, expiresAtMs: 0 }, publication);
    bytes += rows.sizeAt(n);
    if (n % 100 === 0) rows.evictBelow(n - 1_500);
  }
  t.same([rows.first, rows.last, rows.count], [3_500, 5_000, 1_501]);
  for (let n = 3_500; n <= 5_000; n++) {
    const row = rows.at(n);
    if (row?.sequence !== n || row.payload.length !== n % 300) t.fail(`row ${n}`);
    if (row?.key !== (n % 3 === 0 ? `kéy${n}` : null)) t.fail(`key ${n}`);
    if (row?.headers !== (n % 5 === 0 ? `{"n":"${n}"}` : null)) t.fail(`headers ${n}`);
  }
  t.equal(rows.at(3_499), undefined);
  t.equal(rows.at(5_001), undefined);
  t.same([rows.sequenceAt(0), rows.sequenceAt(8_001), rows.sequenceAt(1e9)], [3_500, 4_001, 5_001]);
  t.ok(rows.bytes < bytes && rows.capacity < 2 * rows.bytes);
  rows.evictBelow(1e9);
  t.same([rows.bytes, rows.count, rows.capacity, rows.first], [0, 0, 0, 5_001]);
});

t.test('a topic keeps its newest messages by count, bytes and hours', async (t) => {
  const { log, clock, timers } = open({
    memoryLogTopicMessagesMax: 1_000,
    memoryLogTopicBytesMax: MIB,
    retentionHours: 2,
  });
  const small = await topicOf(log, 'small');
  fill(log, small, 2_500, 10);
  t.same(await firstAndCount(log, small), [1_501, 1_000]);
  const large = await topicOf(log, 'large');
  fill(log, large, 100, 64 * 1024);
  t.same(await firstAndCount(log, large), [86, 15]);
  await log.patchTopic(keyOf('small'), { hours: null, messages: 3, bytes: null });
  t.same(await firstAndCount(log, small), [2_498, 3]);
  clock.nowMs += HOUR_MS;
  fill(log, large, 1, 10);
  clock.nowMs += 1.5 * HOUR_MS;
  timers.fire();
  t.same(await firstAndCount(log, large), [101, 1]);
  t.same(await firstAndCount(log, small), [2_501, 0], 'an empty topic knows its head');
  await log.close();
});

t.test('all topics together stay within their memory, the largest gives way', async (t) => {
  const { log } = open({ memoryLogBytesMax: 8 * MIB });
  const quiet = await topicOf(log, 'quiet');
  fill(log, quiet, 10, 100);
  const loud = await topicOf(log, 'loud');
  fill(log, loud, 40_000, 1_000);
  const [first, count] = await firstAndCount(log, loud);
  t.ok((count ?? 0) * 1_048 < 8 * MIB && (count ?? 0) * 1_048 > 7 * MIB, `${count} kept`);
  t.equal((first ?? 0) + (count ?? 0) - 1, 40_000);
  t.same(await firstAndCount(log, quiet), [1, 10]);
  await log.close();
});

t.test('many topics with few messages cost little memory each', async (t) => {
  const { log } = open({ topicsPerTenantMax: 20_000 });
  const before = process.memoryUsage().arrayBuffers;
  for (let n = 0; n < 5_000; n++) fill(log, await topicOf(log, `t${n}`), 2, 130);
  const each = (process.memoryUsage().arrayBuffers - before) / 5_000;
  t.ok(each < 4_096, `${Math.round(each)} bytes a topic`);
  await log.close();
});

t.test('what cannot be evicted is refused at half of the memory', async (t) => {
  const sink = new RecordingSink();
  const { log } = open({ memoryLogBytesMax: MIB }, sink);
  const id = await topicOf(log, 'pinned');
  const { publication } = new TestAppend(id, { payload: Buffer.alloc(100 * 1024) });
  const request = { tenant: TENANT, topicId: id, publication, delayMs: HOUR_MS, deliverAtMs: 0 };
  for (let n = 0; n < 5; n++) await log.defer(request);
  await t.rejects(log.defer(request), { code: 'log_full' });
  const appends = Array.from(
    { length: 200 },
    (_, n) => new TestAppend(id, { payload: text('1'), dedupeKey: `k${n}` }),
  );
  for (const append of appends) {
    log.append(append);
    log.flush();
  }
  t.match(appends[0]?.outcome, { kind: 'committed' });
  t.match(appends.at(-1)?.outcome, { kind: 'failed', code: 'log_full' });
  const plain = new TestAppend(id, { payload: text('2') });
  log.append(plain);
  log.flush();
  t.match(plain.outcome, { kind: 'committed' }, 'without a key it goes on');
  await log.close();
});

t.test('ids do not repeat across workers, epochs not across starts', async (t) => {
  const logs = [1, 2, 3].map((idBase) => {
    const options = { limits: DEFAULT_LIMITS, clock: new TestClock(), sink: new RecordingSink() };
    return new MemoryLog<TestAppend>({ ...options, idBase, idStep: 3, bootNonce: `n${idBase}` });
  });
  const ids: number[] = [];
  for (const log of logs) for (const name of ['a', 'b']) ids.push(await topicOf(log, name));
  t.equal(new Set(ids).size, ids.length);
  t.not(logs[0]?.epochOf(1), logs[1]?.epochOf(1));
});

t.test('a sink that appends and flushes again is served', async (t) => {
  const sink = new RecordingSink();
  const { log } = open({}, sink);
  const id = await topicOf(log, 'again');
  const second = new TestAppend(id, { payload: text('2') });
  const committed = sink.committed.bind(sink);
  sink.committed = (commit) => {
    committed(commit);
    if (commit.firstSequence === 1) {
      log.append(second);
      log.flush();
    }
  };
  log.append(new TestAppend(id, { payload: text('1') }));
  log.flush();
  await eventually(() => second.outcome !== null);
  t.match(second.outcome, { kind: 'committed', sequence: 2 });
});

t.test('a deferred message that is cancelled leaves nothing behind', async (t) => {
  const { log, timers } = open();
  const topicId = await topicOf(log, 'cancelled');
  const { publication } = new TestAppend(topicId, { payload: Buffer.alloc(250_000, 'x') });
  const kept = { tenant: TENANT, topicId, publication, delayMs: HOUR_MS, deliverAtMs: 0 };
  await log.defer(kept);
  const before = process.memoryUsage().arrayBuffers;
  for (let n = 0; n < 4_000; n++) {
    const { record } = await log.defer({ ...kept, delayMs: 365 * 24 * HOUR_MS });
    const outcome = await log.cancelDeferred(TENANT, record?.id ?? 0);
    if (outcome !== 'cancelled') t.fail(`${n}: ${outcome}`);
  }
  // Freed with a collection, which comes by itself before long.
  await eventually(() => {
    Buffer.alloc(MIB);
    return process.memoryUsage().arrayBuffers - before < 64 * MIB;
  });
  t.equal((await log.totals(TENANT)).deferred, 1);
  t.equal(timers.waiting.size, 2, 'of retention, and of the one that is left');
  await log.close();
});

t.test('deferred messages are bounded by count and bytes', async (t) => {
  const { log } = open({ memoryDeferredMax: 3, memoryLogBytesMax: MIB });
  const topicId = await topicOf(log, 'deferred');
  const defer = (bytes: number): ReturnType<typeof log.defer> => {
    const { publication } = new TestAppend(topicId, { payload: Buffer.alloc(bytes) });
    return log.defer({ tenant: TENANT, topicId, publication, delayMs: HOUR_MS, deliverAtMs: 0 });
  };
  const full = { code: 'log_full' } as const;
  await t.rejects(defer(MIB / 2), { ...full, message: /MEMORY_LOG_BYTES_MAX/ });
  const first = await defer(1);
  await defer(1);
  await defer(1);
  await t.rejects(defer(1), { ...full, message: /MEMORY_DEFERRED_MAX/ });
  await log.cancelDeferred(TENANT, first.record?.id ?? 0);
  await defer(1);
  await log.close();
});
