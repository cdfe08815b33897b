// Goal: a durable subscription that has no session any more leaves nothing behind in its topic, whoever
// ended it; while it is held for a save, it falls back with its topic.
import t, { type Test } from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import { systemClock } from '../../../../src/core/clock.js';
import { RequestError } from '../../../../src/core/errors.js';
import { DEFAULT_LIMITS } from '../../../../src/core/limits.js';
import type { SubscriptionStore } from '../../../../src/log/contract/subscription-store.js';
import type { LinkPort } from '../../../../src/thread/link.js';
import { VERDICT_NACK } from '../../../../src/thread/ops/acknowledge.js';
import { ENCODING_JSON } from '../../../../src/thread/ops/encoding.js';
import { Delivery } from '../../../../src/topic/delivery/delivery.js';
import { LocalOutlet } from '../../../../src/topic/delivery/local-outlet.js';
import { Figures } from '../../../../src/topic/state/figures.js';
import { HotCacheBudget } from '../../../../src/topic/state/hot-cache.js';
import {
  Subscription,
  type Topic,
  type Tracker,
} from '../../../../src/topic/state/subscription.js';
import { Topics } from '../../../../src/topic/state/topics.js';
import type { SessionEntry } from '../../../../src/topic/state/worker-sessions.js';
import { SETTINGS, topicWith } from '../../../contract/subscription-store.js';
import { openMemoryStore } from '../../../support/log/memory-log.js';

const { inFlightMax } = DEFAULT_LIMITS;
const open = await openMemoryStore();
const { log } = open;
t.teardown(() => log.close());

const nobody = { on: () => nobody, postMessage: () => undefined, close: () => undefined };
const outlet = new LocalOutlet({
  port: nobody as unknown as LinkPort,
  ...{ acceptor: 0, limits: DEFAULT_LIMITS },
  handler: { handle: () => undefined, endTurn: () => undefined },
});

/** A topic of `count` messages, and what brings them to its sessions. */
async function topicOf(
  t: Test,
  count: number,
  store: SubscriptionStore = log.subscriptions,
): Promise<{ topic: Topic; delivery: Delivery }> {
  const record = await topicWith(open, count);
  const [now] = (await log.heads([record.id])).values();
  const topics = new Topics({
    find: async () => null,
    epochOf: (topicId) => log.epochOf(topicId),
    budget: new HotCacheBudget(DEFAULT_LIMITS.hotCacheBytesMax),
    clock: systemClock,
    figures: new Figures(systemClock),
    onReplaced: () => undefined,
  });
  const topic = topics.met(now ?? record);
  const delivery = new Delivery({
    ...{ clock: systemClock, limits: DEFAULT_LIMITS, topics, store, others: null },
    read: (range) => log.read(range),
    readNewest: (range) => log.read(range),
    onLost: () => t.fail('lost'),
    onSilent: () => t.fail('silent'),
    onTrouble: () => undefined,
  });
  t.teardown(() => delivery.stop(1_000));
  return { topic, delivery };
}

/** Session `number` joins the durable subscription. */
function join(delivery: Delivery, tracker: Tracker, number: number): Subscription {
  const { topic } = tracker;
  const subscription = new Subscription({
    ...{ outlet, session: number, number, topic, encoding: ENCODING_JSON, tracker, origin: 's' },
    ...{ ack: 'explicit', maxInFlight: null, inFlightMaxDefault: inFlightMax },
    delivered: tracker.cursor.delivered,
  });
  topic.remember(subscription);
  const subscriptions = new Set([subscription]);
  const entry: SessionEntry = { key: number, state: 'open', subscriptions, asks: null };
  delivery.open(subscription, entry);
  return subscription;
}

t.test('one that was taken over or deleted is given nothing more by its topic', async (t) => {
  const { topic, delivery } = await topicOf(t, 3);
  const initial = { settings: SETTINGS, cursor: 0 };
  await delivery.use({ topic, name: 'ended' }, initial, async (tracker) => {
    const sessions = [join(delivery, tracker, 1), join(delivery, tracker, 2)];
    t.same([...topic.shared], [tracker]);
    delivery.lose(tracker);
    for (const one of sessions) delivery.close(one, 'clean');
    t.equal(topic.shared.size, 0);
  });
});

/** The store, but for its saves. */
function storeWith(save: SubscriptionStore['save']): SubscriptionStore {
  return new Proxy(log.subscriptions, {
    get: (of, name) => {
      if (name === 'save') return save;
      const value: unknown = Reflect.get(of, name);
      return typeof value === 'function' ? value.bind(of) : value;
    },
  });
}

t.test('what is nowhere any more is owed to who joins before it is given up', async (t) => {
  const store = storeWith(async (saves, onMissing) => {
    const refused = await log.subscriptions.save(saves);
    for (const { id, deadLetters } of saves) {
      for (const { sequence } of deadLetters) onMissing?.({ id, sequence });
    }
    return refused;
  });
  const { topic, delivery } = await topicOf(t, 6, store);
  const initial = { settings: SETTINGS, cursor: 0 };
  await delivery.use({ topic, name: 'owed' }, initial, async (tracker) => {
    const session = join(delivery, tracker, 1);
    await eventually(() => session.delivered === 6);
    const { member } = session;
    tracker.sync(systemClock.monotonic());
    if (member !== null) {
      tracker.cursor.reject(member, { sequence: 2, reason: null }, systemClock.monotonic());
    }
    delivery.close(session, 'clean');
    await delivery.saved();
    t.match(tracker.cursor.entry(2), { redriven: true }, 'nobody was there to be told');
  });
});

/** Saves fail until `works` is called; which places were asked to be stored. */
function failingStore(): { store: SubscriptionStore; asked: number[][]; works: () => void } {
  const asked: number[][] = [];
  let away = true;
  const save: SubscriptionStore['save'] = async (saves, onMissing) => {
    for (const { ackFloor, delivered } of saves) asked.push([ackFloor, delivered]);
    if (away) throw new RequestError('log_unavailable', 'the database is away');
    return log.subscriptions.save(saves, onMissing);
  };
  const store = storeWith(save);
  const works = (): void => {
    away = false;
  };
  return { store, asked, works };
}

t.test('one that is held for a save alone falls back with the log', async (t) => {
  const { store, asked, works } = failingStore();
  const { topic, delivery } = await topicOf(t, 6, store);
  await delivery.use(
    { topic, name: 'held' },
    { settings: SETTINGS, cursor: 0 },
    async (tracker) => {
      const session = join(delivery, tracker, 1);
      await eventually(() => session.delivered === 6);
      tracker.sync(systemClock.monotonic());
      const { member } = session;
      if (member !== null) tracker.cursor.settleUpTo(member, 6, systemClock.monotonic());
      t.equal(tracker.cursor.floor, 6);
      delivery.close(session, 'clean');
    },
  );
  await eventually(() => asked.length > 0);
  t.same(asked[0], [6, 6]);
  delivery.fallBack(topic, 3, null);
  asked.length = 0;
  works();
  await delivery.saved();
  t.ok(asked.length > 0);
  for (const place of asked) t.same(place, [3, 3], 'nothing says that it has gone past 3');
  const stored = await store.find(topic.id, 'held');
  t.match(stored, { ackFloor: 3, delivered: 3 });
  t.equal(delivery.held(topic.id, 'held'), undefined, 'and is given up then');
});

t.test('once it was stopped nothing is looked at: no timer keeps the thread', async (t) => {
  const { topic, delivery } = await topicOf(t, 1);
  const timers = (): number =>
    process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const before = timers();
  const settings = { ...SETTINGS, ackWaitMs: 60_000 };
  await delivery.use({ topic, name: 'late' }, { settings, cursor: 0 }, async (tracker) => {
    const session = join(delivery, tracker, 1);
    await eventually(() => session.delivered === 1);
    await delivery.stop(1_000);
    // What an acceptor said before it ended.
    delivery.verdict(outlet, {
      ...{ request: 0, session: 1, subscription: 1, topicNo: topic.no, verdict: VERDICT_NACK },
      ...{ sequence: 1, messageId: null, ms: 30_000, reason: null },
    });
    await eventually(() => timers() <= before);
  });
});
