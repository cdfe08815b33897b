// Goal: what another node gives back to a subscription that is held here is found once it is committed,
// however late that is, without reading again and again all that is given back and not settled.
import t from 'tap';
import { systemClock } from '../../../../src/core/clock.js';
import { DEFAULT_LIMITS } from '../../../../src/core/limits.js';
import {
  REDRIVEN_PAGE,
  type RedrivenDelivery,
} from '../../../../src/log/contract/subscription-store.js';
import { STATEMENT_TIMEOUT_MS } from '../../../../src/log/postgres/session/session-settings.js';
import { OVERLAP_MS, RedrivenCheck } from '../../../../src/topic/log/redriven-check.js';
import { Figures } from '../../../../src/topic/state/figures.js';
import { HotCacheBudget } from '../../../../src/topic/state/hot-cache.js';
import type { Tracker } from '../../../../src/topic/state/subscription.js';
import { Topics } from '../../../../src/topic/state/topics.js';
import { TrackerOf } from '../../../../src/topic/state/tracker.js';
import { keyOf } from '../../../support/tenants/tenants.js';

const HEAD = 5_000;
const START_MS = 1_900_000_000_000;

function place(id: number, atMs: number, sequence: number): RedrivenDelivery {
  return { id, atUs: atMs * 1_000, sequence };
}

/** Subscriptions that have settled all, over a store that the test writes to. */
class Rig {
  nowMs = START_MS;
  readonly rows: RedrivenDelivery[] = [];
  readonly asked: RedrivenDelivery[][] = [];
  /** Rows that were answered. */
  answered = 0;
  readonly trackers: Tracker[] = [];
  readonly check: RedrivenCheck;
  whileRead: () => void = () => undefined;
  readonly #topics: Topics;

  constructor() {
    const clock = { ...systemClock, now: () => this.nowMs };
    this.#topics = new Topics({
      ...{ find: async () => null, epochOf: () => 'e', clock, figures: new Figures(clock) },
      budget: new HotCacheBudget(DEFAULT_LIMITS.hotCacheBytesMax),
      onReplaced: () => undefined,
    });
    this.check = new RedrivenCheck({
      clock,
      held: () => this.trackers,
      read: async (after) => this.#read(after),
      onAdded: () => undefined,
    });
  }

  tracker(id: number): Tracker {
    const topic = this.#topics.met({
      ...{ id: 1, key: keyOf('a'), lastSequence: HEAD, firstSequence: 1, bytes: 0 },
      ...{ createdAtMs: 0, lastPublishedAtMs: 0 },
      retention: { hours: null, messages: null, bytes: null },
    });
    const tracker = new TrackerOf({
      ...{ topic, durable: { id, name: `s${id}`, term: 1, createdAtMs: 1 }, ordering: 'none' },
      ...{ rule: { ackWaitMs: 1_000, maxDeliver: 5 }, parkedMax: 1, random: () => 0.5 },
      ackFloor: HEAD,
    });
    this.trackers.push(tracker);
    return tracker;
  }

  /** Sequences that are to be given again. */
  found(tracker: Tracker): number[] {
    return tracker.cursor.entries().map(({ sequence }) => sequence);
  }

  #read(after: readonly RedrivenDelivery[]): RedrivenDelivery[] {
    this.asked.push([...after]);
    const rows = after.flatMap(({ id, atUs, sequence }) =>
      this.rows
        .filter((row) => row.id === id)
        .filter((row) => row.atUs > atUs || (row.atUs === atUs && row.sequence > sequence))
        .slice(0, REDRIVEN_PAGE),
    );
    this.answered += rows.length;
    this.whileRead();
    return rows;
  }
}

t.test('what is committed long after the time it has is found all the same', async (t) => {
  t.ok(OVERLAP_MS > STATEMENT_TIMEOUT_MS, 'a statement that gives back may take so long');
  const rig = new Rig();
  const tracker = rig.tracker(1);
  await rig.check.check();
  rig.nowMs += 60_000;
  await rig.check.check();
  rig.rows.push(place(1, rig.nowMs - STATEMENT_TIMEOUT_MS, 7));
  rig.nowMs += 1_000;
  await rig.check.check();
  t.same(rig.found(tracker), [7]);
});

t.test('what was found is not read again once it is old', async (t) => {
  const rig = new Rig();
  const trackers = [rig.tracker(1), rig.tracker(2)];
  for (let n = 1; n <= 100; n++) rig.rows.push(place(1, START_MS, n));
  await rig.check.check();
  t.equal(rig.found(trackers[0] as Tracker).length, 100);
  rig.nowMs += 2 * OVERLAP_MS;
  await rig.check.check();
  const { answered } = rig;
  for (let look = 0; look < 10; look++) {
    rig.nowMs += 1_000;
    await rig.check.check();
  }
  t.equal(rig.answered, answered);
});

t.test('now and then all is read: a commit may have waited for a standby', async (t) => {
  const rig = new Rig();
  const tracker = rig.tracker(1);
  await rig.check.check();
  rig.nowMs += 1_000_000;
  await rig.check.check();
  rig.rows.push(place(1, START_MS, 7));
  for (let look = 0; look < 60; look++) {
    rig.nowMs += 1_000;
    await rig.check.check();
  }
  t.same(rig.found(tracker), [7]);
});

t.test('a clock that was set back hides nothing', async (t) => {
  const rig = new Rig();
  const tracker = rig.tracker(1);
  await rig.check.check();
  rig.nowMs -= 3_600_000;
  rig.rows.push(place(1, rig.nowMs - 1_000, 7));
  await rig.check.check();
  t.same(rig.found(tracker), [7]);
});

t.test('however many come at once, all are read, a page at a time', async (t) => {
  const rig = new Rig();
  const [one, other] = [rig.tracker(1), rig.tracker(2)];
  const count = 2 * REDRIVEN_PAGE + 1;
  for (let n = 1; n <= count; n++) rig.rows.push(place(1, START_MS + n, n));
  rig.rows.push(place(2, START_MS, 9));
  await rig.check.check();
  t.equal(rig.found(one).length, count);
  t.same(rig.found(other), [9]);
  t.same(
    rig.asked.map((after) => after.map(({ id }) => id)),
    [[1, 2], [1], [1]],
    'of those only that have more',
  );
});

t.test('what was saved while the store was read is read again, from where it was', async (t) => {
  const rig = new Rig();
  const tracker = rig.tracker(1);
  await rig.check.check();
  const lookedAtMs = rig.nowMs;
  rig.rows.push(place(1, lookedAtMs, 7));
  rig.whileRead = () => tracker.saves++;
  for (let look = 0; look < 30; look++) {
    rig.nowMs += 1_000;
    await rig.check.check();
  }
  t.same(rig.found(tracker), [], 'it may be settled by then');
  rig.whileRead = () => undefined;
  await rig.check.check();
  t.same(rig.found(tracker), [7]);
});
