/**
 * When deliveries are looked at: one heap of trackers by the time of their next look, one timer. An ack
 * never sets a timer; a look that finds nothing due puts off the next.
 */
import type { Clock } from '../../core/clock.js';
import { MinHeap } from '../../core/min-heap.js';
import type { Subscription, Tracker } from '../state/subscription.js';

/** Looks are this far apart at least. */
const TICK_MS = 10;
/** While it is not known whether a socket is empty. */
const PROBING_MS = 250;
/** Places in the heap before those that are outdated are looked for. */
const PLACES_MIN = 4_096;

export interface DeadlinesOptions {
  clock: Clock;
  /** Something may be ready to be given, or the cursor changed. */
  onWoken: (tracker: Tracker) => void;
  /** A socket that takes nothing is closed long before. */
  probeMsMax: number;
  /** So long nobody has said how it stands with its socket: whoever should is not there. It is to end. */
  onSilent: (subscription: Subscription) => void;
}

export class Deadlines {
  readonly #options: DeadlinesOptions;
  readonly #heap = new MinHeap<Tracker>();
  #timer: NodeJS.Timeout | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;
  /** How many places there may be until the next look for outdated ones. */
  #placesMax = PLACES_MIN;

  constructor(options: DeadlinesOptions) {
    this.#options = options;
  }

  /** Nothing is looked at any more, whatever is scheduled. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Its next look may have come nearer. */
  schedule(tracker: Tracker): void {
    if (tracker.state === 'ended' || tracker.subscriptions.size === 0) return;
    const nowMs = this.#options.clock.monotonic();
    let at = Math.max(tracker.cursor.nextWakeAtMs(nowMs), nowMs + TICK_MS);
    for (const { probedAtMs } of tracker.subscriptions) {
      if (probedAtMs !== null) at = Math.max(at, nowMs + PROBING_MS);
    }
    if (at >= tracker.wakeAtMs) return;
    tracker.wakeAtMs = at;
    this.#heap.push(at, tracker);
    if (this.#heap.size > this.#placesMax) this.#dropOutdated();
    this.#arm(nowMs);
  }

  /** From PROBED. A socket that was empty has sent all it got: what is overdue has failed. */
  probed(subscription: Subscription, socket: 'empty' | 'filled'): void {
    const { tracker, member } = subscription;
    subscription.probedAtMs = null;
    if (tracker === null || member === null) return;
    const nowMs = this.#options.clock.monotonic();
    if (socket === 'empty') tracker.cursor.expire(member, nowMs);
    else tracker.cursor.drained(member, nowMs);
    this.#options.onWoken(tracker);
    this.schedule(tracker);
  }

  /** Of subscriptions that have ended, and of looks that were put nearer: some are days away. */
  #dropOutdated(): void {
    this.#heap.retain((one, atMs) => one.state !== 'ended' && one.wakeAtMs === atMs);
    this.#placesMax = Math.max(PLACES_MIN, 2 * this.#heap.size);
  }

  #arm(nowMs: number): void {
    const at = this.#heap.minKey;
    if (at >= this.#timerAtMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAtMs = at;
    this.#timer = setTimeout(() => this.#look(), Math.max(0, at - nowMs));
  }

  #look(): void {
    const nowMs = this.#options.clock.monotonic();
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    this.#timer = null;
    while (this.#heap.minKey <= nowMs) {
      const at = this.#heap.minKey;
      const tracker = this.#heap.pop();
      // An outdated place: a nearer look was set, and was taken.
      if (tracker === undefined || tracker.wakeAtMs !== at) continue;
      tracker.wakeAtMs = Number.POSITIVE_INFINITY;
      if (tracker.state !== 'ended') this.#wake(tracker, nowMs);
    }
    if (this.#heap.size > 0) this.#arm(nowMs);
  }

  #wake(tracker: Tracker, nowMs: number): void {
    const { probeMsMax, onSilent } = this.#options;
    const silent: Subscription[] = [];
    tracker.sync(nowMs);
    for (const member of tracker.cursor.wake(nowMs)) {
      const subscription = tracker.subscriptionOf(member);
      if (subscription === undefined) continue;
      if (subscription.probedAtMs === null) this.#probe(subscription, nowMs);
      else if (nowMs - subscription.probedAtMs > probeMsMax) silent.push(subscription);
    }
    for (const subscription of silent) onSilent(subscription);
    if (tracker.state === 'ended') return;
    this.#options.onWoken(tracker);
    this.schedule(tracker);
  }

  #probe(subscription: Subscription, nowMs: number): void {
    subscription.probedAtMs = nowMs;
    const { outlet, number, topic } = subscription;
    outlet.probe({ subscription: number, topicNo: topic.no });
  }
}
