// Goal: the database's time is known within the time that a question takes, whatever becomes of the clocks;
// the time of a log in memory does not go back.
import t from 'tap';
import type { Clock } from '../../../src/core/clock.js';
import { DatabaseClock } from '../../../src/core/database-clock.js';
import { SteadyClock } from '../../../src/core/steady-clock.js';

const T0 = 1_700_000_000_000;

/** A node whose clocks are set by hand. */
class HandClock implements Clock {
  wallMs = T0;
  monotonicMs = 5_000;
  now(): number {
    return this.wallMs;
  }
  monotonic(): number {
    return this.monotonicMs;
  }
  random(): number {
    return 0;
  }
  pass(ms: number): void {
    this.wallMs += ms;
    this.monotonicMs += ms;
  }
}

/** Asks a database whose clock is `offMs` from T0 at monotonic 5,000. */
function ask(hand: HandClock, clock: DatabaseClock, offMs: number, there = 1, back = 1): void {
  const askedAtMs = hand.monotonicMs;
  hand.pass(there);
  const databaseMs = T0 + offMs + hand.monotonicMs - 5_000;
  hand.pass(back);
  clock.sampled(databaseMs, askedAtMs, hand.monotonicMs);
}

const offOf = (hand: HandClock, clock: Clock): number =>
  clock.now() - (T0 + hand.monotonicMs - 5_000);

t.test('the database is asked, the wall clock has no part in it', async (t) => {
  const hand = new HandClock();
  const clock = new DatabaseClock(hand);
  t.equal(offOf(hand, clock), 0, 'before: the time of the node');
  ask(hand, clock, -90_000);
  t.equal(offOf(hand, clock), -90_000);
  hand.wallMs += 3_600_000;
  hand.pass(1_000);
  t.equal(offOf(hand, clock), -90_000, 'a node whose clock is set');
});

t.test('of samples the narrowest counts, until it is old', async (t) => {
  const hand = new HandClock();
  const clock = new DatabaseClock(hand);
  ask(hand, clock, 50, 1, 1);
  ask(hand, clock, 50, 900, 0);
  t.equal(offOf(hand, clock), 50, 'a slow answer says less');
  hand.pass(600_000);
  ask(hand, clock, 60, 30, 30);
  t.equal(offOf(hand, clock), 60, 'ten minutes later it says more');
});

t.test('a database whose clock is set, or that is another, is believed at once', async (t) => {
  const hand = new HandClock();
  const clock = new DatabaseClock(hand);
  ask(hand, clock, 0);
  for (const offMs of [5_000, -600_000, 0]) {
    hand.pass(1_000);
    ask(hand, clock, offMs, 20, 20);
    t.ok(Math.abs(offOf(hand, clock) - offMs) <= 20, `${offMs}`);
  }
});

t.test('in memory time does not go back; what a machine slept has passed', async (t) => {
  const hand = new HandClock();
  const clock = new SteadyClock(hand);
  hand.wallMs -= 3_600_000;
  hand.pass(1_000);
  t.equal(clock.now(), T0 + 1_000, 'set back');
  hand.wallMs = T0 + 2_000;
  hand.pass(1_000);
  t.equal(clock.now(), T0 + 2_000, 'a little ahead: its keeping');
  hand.wallMs = T0 + 600_000;
  t.equal(clock.now(), T0 + 600_000, 'slept');
  hand.pass(1);
  t.equal(clock.now(), T0 + 600_001);
});
