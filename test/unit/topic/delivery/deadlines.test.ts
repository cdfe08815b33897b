// Goal: a session for which nobody answers does not hold up what it was given for ever: after a while it is
// over, and what it holds is given back. One for which somebody answers late is waited for.
import t, { type Test } from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import { systemClock } from '../../../../src/core/clock.js';
import { ENCODING_JSON } from '../../../../src/thread/ops/encoding.js';
import { Deadlines } from '../../../../src/topic/delivery/deadlines.js';
import { Figures } from '../../../../src/topic/state/figures.js';
import { HotCacheBudget } from '../../../../src/topic/state/hot-cache.js';
import type { Outlet } from '../../../../src/topic/state/outlet.js';
import { Subscription } from '../../../../src/topic/state/subscription.js';
import { Topics } from '../../../../src/topic/state/topics.js';
import { TrackerOf } from '../../../../src/topic/state/tracker.js';
import { topicWith } from '../../../contract/subscription-store.js';
import { openMemoryStore } from '../../../support/log/memory-log.js';

const ACK_WAIT_MS = 20;
const PROBE_MS_MAX = 60;

/** One session that was given a message, in a time that the test sets on. */
async function rig(t: Test) {
  let nowMs = 1_000;
  const clock = { ...systemClock, monotonic: () => nowMs };
  const open = await openMemoryStore();
  t.teardown(() => open.log.close());
  const record = await topicWith(open, 1);
  const topic = new Topics({
    ...{ find: async () => null, epochOf: () => 'e', clock: systemClock },
    budget: new HotCacheBudget(1_000_000),
    figures: new Figures(systemClock),
    onReplaced: () => undefined,
  }).met(record);
  let probes = 0;
  const probe = (): void => {
    probes++;
  };
  const outlet = { kind: 'local', number: 1, hasCredit: true, probe } as unknown as Outlet;
  const tracker = new TrackerOf<Subscription>({
    ...{ topic, durable: null, rule: { ackWaitMs: ACK_WAIT_MS, maxDeliver: 5 }, ordering: 'none' },
    ...{ parkedMax: 10, random: () => 0, ackFloor: 0 },
  });
  const subscription: Subscription = new Subscription({
    ...{ outlet, session: 1, number: 1, topic, encoding: ENCODING_JSON, tracker, origin: 's' },
    ...{ ack: 'explicit', maxInFlight: 10, inFlightMaxDefault: 10, delivered: 0 },
  });
  tracker.subscriptions.add(subscription);
  if (subscription.member !== null) tracker.cursor.attach(subscription.member);
  const silent: Subscription[] = [];
  const deadlines = new Deadlines({
    ...{ clock, probeMsMax: PROBE_MS_MAX, onWoken: () => undefined },
    onSilent: (one) => {
      silent.push(one);
      tracker.state = 'ended';
    },
  });
  t.teardown(() => deadlines.stop());
  tracker.sent(1, nowMs);
  deadlines.schedule(tracker);
  const after = (ms: number): void => {
    nowMs += ms;
  };
  return { deadlines, silent, subscription, tracker, after, probes: () => probes };
}

t.test('one for whom nobody answers is over after a while, and asked once', async (t) => {
  const { silent, subscription, probes, tracker, after } = await rig(t);
  after(ACK_WAIT_MS);
  await eventually(() => probes() === 1);
  t.ok(subscription.probedAtMs !== null);
  after(1_000);
  await eventually(() => silent.length > 0);
  t.same(silent.length, 1);
  t.equal(probes(), 1);
  t.equal(tracker.cursor.entry(1)?.attempts ?? 0, 0, 'no failed attempt');
});

t.test('one for whom somebody answers, again and again, is not', async (t) => {
  const { deadlines, silent, subscription, probes, after } = await rig(t);
  for (const times of [1, 2, 3]) {
    after(ACK_WAIT_MS);
    await eventually(() => probes() === times);
    // A socket that is full for nearly as long.
    after(PROBE_MS_MAX - 1);
    deadlines.probed(subscription, 'filled');
  }
  t.same(silent, []);
});
