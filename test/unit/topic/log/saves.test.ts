// Goal: what is counted and told of a save is what became of it, however often it was tried.
import type { MessagePort } from 'node:worker_threads';
import t from 'tap';
import { systemClock } from '../../../../src/core/clock.js';
import { Member } from '../../../../src/core/cursor-entry.js';
import { RequestError } from '../../../../src/core/errors.js';
import { DEFAULT_LIMITS } from '../../../../src/core/limits.js';
import {
  type EphemeralSave,
  OtherLog,
  type SubscriptionSave,
  type SubscriptionStore,
} from '../../../../src/log/contract/subscription-store.js';
import type { LinkPort } from '../../../../src/thread/link.js';
import { readFailed } from '../../../../src/thread/ops/failed.js';
import { OP_FAILED } from '../../../../src/thread/ops/opcodes.js';
import { PackReader } from '../../../../src/thread/packing/pack-reader.js';
import { LocalOutlet } from '../../../../src/topic/delivery/local-outlet.js';
import { Saves } from '../../../../src/topic/log/saves.js';
import { AheadBudget } from '../../../../src/topic/state/ahead-rows.js';
import { Figures } from '../../../../src/topic/state/figures.js';
import { HotCacheBudget } from '../../../../src/topic/state/hot-cache.js';
import type { Topic, Tracker } from '../../../../src/topic/state/subscription.js';
import { TopicOf } from '../../../../src/topic/state/topic.js';
import { type DurableIdentity, TrackerOf } from '../../../../src/topic/state/tracker.js';
import { SETTINGS, topicWith } from '../../../contract/subscription-store.js';
import { openMemoryStore } from '../../../support/log/memory-log.js';

const open = await openMemoryStore();
const { log } = open;
t.teardown(() => log.close());

/** Requests that were told that they failed. */
const failed: number[] = [];
const port: LinkPort = {
  on: () => port as MessagePort,
  close: () => undefined,
  postMessage: (packed: ArrayBuffer) => {
    const reader = new PackReader(packed);
    while (!reader.done) if (reader.u8() === OP_FAILED) failed.push(readFailed(reader).request);
  },
};
const handler = { handle: () => undefined, endTurn: () => undefined };
const outlet = new LocalOutlet({ port, acceptor: 0, limits: DEFAULT_LIMITS, handler });

/** Has rejected the first message, which the log has or, with `messages` 0, has no more. */
async function rejectedOf(kind: 'durable' | 'ephemeral', messages: number): Promise<Tracker> {
  const record = await topicWith(open, messages);
  const topic: Topic = new TopicOf(record.id, record, {
    epochOf: (id) => log.epochOf(id),
    budget: new HotCacheBudget(DEFAULT_LIMITS.hotCacheBytesMax),
    aheadBudget: new AheadBudget(0),
    clock: systemClock,
    figures: new Figures(systemClock),
  });
  let durable: DurableIdentity | null = null;
  if (kind === 'durable') {
    const initial = { settings: SETTINGS, cursor: 0 };
    const { id, term, createdAtMs } = (await log.subscriptions.take(topic.id, 'sub', initial))
      .record;
    durable = { id, term, name: 'sub', createdAtMs };
  }
  const rule = { ackWaitMs: 1_000, maxDeliver: 5 };
  const tracker = new TrackerOf({
    ...{ topic, durable, rule, ordering: 'none', parkedMax: 1, random: Math.random, ackFloor: 0 },
  });
  tracker.sessionName = `s${topic.id}`;
  const member = new Member({ name: tracker.sessionName, inFlightMax: 8, ackWaitMs: 1_000 });
  tracker.cursor.attach(member);
  const nowMs = systemClock.monotonic();
  tracker.sent(1, nowMs);
  tracker.cursor.reject(member, { sequence: 1, reason: 'no' }, nowMs);
  return tracker;
}

/** Saves through the log's own store, once `fail` has let them pass, and what they tell. */
function savesTo(
  fail: (what: 'save' | 'saveEphemeral', save: SubscriptionSave | EphemeralSave) => void,
) {
  const missing: [Tracker, readonly number[]][] = [];
  const lost: Tracker[] = [];
  const store: Pick<SubscriptionStore, 'save' | 'saveEphemeral'> = {
    save: async (saves, onMissing) => {
      for (const save of saves) fail('save', save);
      return log.subscriptions.save(saves, onMissing);
    },
    saveEphemeral: async (save, onMissing) => {
      fail('saveEphemeral', save);
      return log.subscriptions.saveEphemeral(save, onMissing);
    },
  };
  const saves = new Saves({
    store: store as SubscriptionStore,
    clock: systemClock,
    onLost: (tracker) => lost.push(tracker),
    onMissing: (...told) => missing.push(told),
    onStored: () => undefined,
    onFailed: () => undefined,
  });
  return { saves, missing, lost };
}

function refusal(): RequestError {
  return new RequestError('message_refused', 'as data');
}

t.test('a save that is repeated counts what is missing once', async (t) => {
  let failures = 2;
  const { saves, missing } = savesTo((what) => {
    if (what === 'saveEphemeral' && failures-- > 0) throw new Error('away');
  });
  const gone = await rejectedOf('durable', 0);
  const there = await rejectedOf('ephemeral', 1);
  for (const one of [gone, there]) saves.changed(one);
  await saves.flush();
  t.same(missing, [[gone, [1]]]);
  t.equal(gone.topic.counts.deadLettered, 0);
  t.equal(there.topic.counts.deadLettered, 1);
  t.same(await saves.close(1_000), { cursors: 0, acks: 0 });
});

t.test('dead letters that are refused are not counted, and their session is told', async (t) => {
  const { saves, missing, lost } = savesTo(() => {
    throw refusal();
  });
  const refused = await rejectedOf('ephemeral', 1);
  saves.changed(refused);
  await saves.flush();
  t.equal(refused.topic.counts.deadLettered, 0);
  t.same(missing, [[refused, [1]]]);
  t.same(lost, []);
});

t.test('what was refused is not left unsaved by a stop', async (t) => {
  const { saves, missing, lost } = savesTo((what) => {
    if (what === 'save') throw refusal();
  });
  const refused = await rejectedOf('durable', 1);
  saves.changed(refused);
  await saves.flush();
  t.same(lost, [refused]);
  t.same(missing, []);
  t.equal(refused.topic.counts.deadLettered, 0);
  t.same(await saves.close(1_000), { cursors: 0, acks: 0 });
});

t.test('a stop counts each that was not stored when they are stored one by one', async (t) => {
  let saved = 0;
  const { saves } = savesTo(() => {
    throw ++saved === 1 ? refusal() : new Error('away');
  });
  const two = [await rejectedOf('durable', 1), await rejectedOf('durable', 1)];
  for (const one of two) saves.changed(one);
  t.same(await saves.close(60), { cursors: 2, acks: 0 });
});

t.test('a save of the log before goes on with its topic, cut to what both logs have', async (t) => {
  const told: [epoch: string | undefined, letters: number][] = [];
  const tracker = await rejectedOf('durable', 1);
  const { saves } = savesTo((_, { epoch, deadLetters }) => {
    told.push([epoch, deadLetters.length]);
    if (told.length > 1) return;
    tracker.topic.epoch = 'brought-over';
    saves.fellBack(tracker, 0);
    throw new OtherLog();
  });
  const { epoch } = tracker.topic;
  tracker.answers = [{ outlet, request: 7 }];
  saves.changed(tracker);
  await saves.flush();
  t.same(told, [
    [epoch, 1],
    ['brought-over', 0],
  ]);
  await new Promise((resolve) => setImmediate(resolve));
  t.same(failed, [7], 'whoever waits for what is of a lost message is refused');
  const given = await rejectedOf('durable', 1);
  const { saves: ended } = savesTo(() => {
    ended.giveUp(new Set([given.topic]));
    throw new OtherLog();
  });
  ended.changed(given);
  await ended.flush();
  t.equal(given.saving, 0, 'one whose topic is gone is not tried again');
});

/** More changes than go into one transaction: what changed after it is stored when it has been. */
function ofOneTransaction({ cursor }: Tracker): void {
  for (let sequence = 1; sequence <= 5_000; sequence++) cursor.changes.settled.push(sequence);
}

t.test('what was given up while those before it are stored is not stored after them', async (t) => {
  const [first, gone, lost] = [
    await rejectedOf('durable', 1),
    await rejectedOf('durable', 1),
    await rejectedOf('durable', 1),
  ];
  ofOneTransaction(first);
  const stored: number[] = [];
  const { saves } = savesTo((_, save) => {
    stored.push(save.topicId);
    if (stored.length > 1) return;
    // Its topic is not in the log that answers now, which gives its ids to others.
    saves.giveUp(new Set([gone.topic]));
    lost.state = 'ended';
    throw new OtherLog();
  });
  failed.length = 0;
  gone.answers = [{ outlet, request: 8 }];
  lost.answers = [{ outlet, request: 9 }];
  for (const one of [first, gone, lost]) saves.changed(one);
  await saves.flush();
  t.same(stored, [first.topic.id, first.topic.id]);
  await new Promise((resolve) => setImmediate(resolve));
  t.same(failed, [8, 9], 'whoever waits is refused');
  t.same([gone.saving, lost.saving], [0, 0]);
});

t.test('one that has ended is not stored any more, however it changes', async (t) => {
  const tracker = await rejectedOf('durable', 1);
  let tries = 0;
  const { saves } = savesTo(() => {
    if (++tries > 1) return;
    tracker.state = 'ended';
    throw new RequestError('log_unavailable', 'away');
  });
  failed.length = 0;
  tracker.answers = [{ outlet, request: 10 }];
  saves.changed(tracker);
  await saves.flush();
  tracker.cursor.changes.moved = true;
  tracker.answers = [{ outlet, request: 11 }];
  saves.changed(tracker);
  await saves.flush();
  t.equal(tries, 1);
  t.equal(tracker.saving, 0);
  await new Promise((resolve) => setImmediate(resolve));
  t.same(failed, [10, 11]);
});
