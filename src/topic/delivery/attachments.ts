/**
 * Which sessions take part in which subscription, and what changes for the others when one comes or goes:
 * who is fed by pages and groups, and whose messages are given one by one.
 */
import type { Clock } from '../../core/clock.js';
import { newEntry } from '../../core/cursor-entry.js';
import type { Gap } from '../../thread/ops/gap.js';
import type { AttachedSession } from '../../thread/ops/subscribe-options.js';
import type { DispatchRights } from '../log/dispatch-rights.js';
import type { TrackerSaves } from '../log/placed-saves.js';
import type { Durables } from '../state/durables.js';
import type { Subscription, Topic, Tracker } from '../state/subscription.js';
import type { SessionEntry } from '../state/worker-sessions.js';
import type { Deadlines } from './deadlines.js';
import type { Feeder } from './feeder.js';
import type { Giver } from './giver.js';
import { tellEpoch, tellFence } from './notices.js';

export interface AttachmentsOptions {
  feeder: Feeder;
  giver: Giver;
  deadlines: Deadlines;
  saves: TrackerSaves;
  durables: Durables;
  clock: Clock;
  rights: DispatchRights;
  /** The last session of this node has left one that others are attached to. */
  onGuestsOnly: (tracker: Tracker) => void;
}

export class Attachments {
  readonly #options: AttachmentsOptions;

  constructor(options: AttachmentsOptions) {
    this.#options = options;
  }

  /**
   * A new subscription of a session; `entry` has it already. `before`: what its session has of whoever
   * coordinated it until now.
   */
  attach(subscription: Subscription, entry: SessionEntry, before: AttachedSession | null): void {
    this.#countSiblings(subscription, entry);
    const { tracker, member } = subscription;
    if (tracker === null || member === null) {
      this.#options.feeder.pump(subscription);
      return;
    }
    const { sole } = tracker;
    tracker.sync(this.#options.clock.monotonic());
    sole?.group?.leave(sole);
    tracker.subscriptions.add(subscription);
    tracker.sessionName = subscription.sessionName;
    tracker.cursor.attach(member);
    if (Number.isFinite(subscription.wanted)) tracker.askers.add(subscription);
    this.#fence(subscription);
    if (before !== null) this.#takeOver(subscription, before);
    this.#rearrange(tracker);
  }

  /** Ends a subscription's part in everything; the caller tells whoever must be told. */
  detach(subscription: Subscription, end: 'clean' | 'abrupt'): void {
    const { topic, tracker, member } = subscription;
    const { clock, saves, durables } = this.#options;
    if (subscription.state === 'ended') return;
    const redriven = tracker?.durable === null ? redrivenOf(tracker) : [];
    if (tracker !== null && member !== null) {
      tracker.sync(clock.monotonic());
      subscription.group?.leave(subscription);
      tracker.cursor.detach(member, end, clock.monotonic());
      tracker.subscriptions.delete(subscription);
      tracker.askers.delete(subscription);
      if (tracker.exclusive === subscription) tracker.exclusive = null;
    }
    topic.forget(subscription);
    if (tracker === null) return;
    if (tracker.durable === null) {
      // What it left unsettled ends with it.
      topic.counts.abandoned += tracker.cursor.inFlight;
      tracker.state = 'ended';
      if (redriven.length === 0) return;
      tracker.cursor.changes.returned = redriven;
      saves.changed(tracker);
      return;
    }
    const isLast = tracker.subscriptions.size === 0;
    if (isLast) {
      // Also of one that has ended: the topic lives on, and every publish goes through its set.
      topic.shared.delete(tracker);
      tracker.ahead = [];
      tracker.rows.clear();
    }
    if (tracker.state === 'ended') return;
    saves.changed(tracker);
    if (isLast) durables.giveUp(tracker);
    else if (!tracker.hasGuestsOnly) this.#rearrange(tracker);
    else if (subscription.outlet.kind === 'local') this.#options.onGuestsOnly(tracker);
  }

  pause(tracker: Tracker): void {
    if (tracker.state !== 'fed') return;
    tracker.sync(this.#options.clock.monotonic());
    tracker.state = 'paused';
    for (const one of tracker.subscriptions) one.group?.leave(one);
  }

  resume(tracker: Tracker): void {
    if (tracker.state !== 'paused') return;
    tracker.state = 'fed';
    this.#options.giver.give(tracker);
  }

  /** Goes on after `sequence` with nothing in flight. */
  seek(tracker: Tracker, sequence: number): void {
    for (const one of tracker.subscriptions) one.group?.leave(one);
    tracker.seek(sequence);
    this.#options.saves.changed(tracker);
    this.#options.giver.give(tracker);
  }

  /** What was sent above `upTo` is no more: other messages have, or will have, those sequences. */
  fallBack(topic: Topic, upTo: number, gap: Gap | null): void {
    const { saves, durables, feeder } = this.#options;
    for (const subscription of topic.subscriptions.values()) {
      subscription.group?.leave(subscription);
      subscription.logChanged(upTo);
      tellEpoch(subscription, upTo, gap);
    }
    // Also those without a session that are held for a save: whoever joins them goes on from where they are.
    const trackers = new Set(durables.ofTopic(topic));
    for (const subscription of topic.subscriptions.values()) {
      const { tracker } = subscription;
      if (tracker !== null) trackers.add(tracker);
      else {
        subscription.delivered = Math.min(subscription.delivered, upTo);
        feeder.pump(subscription);
      }
    }
    for (const tracker of trackers) {
      const { floor, delivered } = tracker.cursor;
      tracker.ahead = [];
      saves.fellBack(tracker, upTo);
      if (delivered > upTo) this.seek(tracker, Math.min(floor, upTo));
      else this.#options.giver.give(tracker);
    }
  }

  /** The lease was over, and its term was found to be held still: what was given before is of before. */
  goOn(tracker: Tracker): void {
    for (const one of tracker.subscriptions) this.#fence(one);
    this.#options.giver.give(tracker);
  }

  #fence(subscription: Subscription): void {
    if (subscription.tracker?.durable == null) return;
    const fence = this.#options.rights.fence(subscription.topic);
    if (fence !== null) tellFence(subscription, fence);
  }

  /** Its session holds what it was given by whoever coordinated before. */
  #takeOver(subscription: Subscription, { epoch, held, giving }: AttachedSession): void {
    const { tracker, member, topic } = subscription;
    if (tracker === null || member === null) return;
    const { cursor } = tracker;
    if (epoch === topic.epoch) cursor.adopt(member, held, this.#options.clock.monotonic());
    subscription.delivered = cursor.delivered;
    if (giving === null) return;
    // By their places: one that was not adopted is of nobody.
    subscription.givingCount = giving.length;
    subscription.giving = giving.map((sequence) => {
      const entry = cursor.entry(sequence);
      return entry?.member === member ? entry : newEntry(sequence);
    });
  }

  /** After the set of sessions changed. */
  #rearrange(tracker: Tracker): void {
    const { topic, cursor } = tracker;
    const isShared = cursor.sole === null;
    if (isShared) topic.shared.add(tracker);
    else topic.shared.delete(tracker);
    for (const one of tracker.subscriptions) {
      if (isShared) share(one);
      else if (one.state === 'shared') {
        one.delivered = cursor.delivered;
        one.state = 'paging';
      }
    }
    this.#options.deadlines.schedule(tracker);
    this.#options.giver.give(tracker);
  }

  /** A session with several subscriptions to one topic is in no group of it. */
  #countSiblings(subscription: Subscription, entry: SessionEntry): void {
    const { topic } = subscription;
    const ofTopic = [...entry.subscriptions].filter((one) => one.topic === topic);
    if (ofTopic.length < 2) return;
    for (const one of ofTopic) {
      one.isAlone = false;
      if (one.group === null) continue;
      one.group.leave(one);
      this.#options.feeder.pump(one);
    }
  }
}

/** Sequences of dead letters that were given back and are not settled. */
function redrivenOf({ cursor }: Tracker): number[] {
  return cursor.entries().flatMap((entry) => (entry.redriven ? [entry.sequence] : []));
}

/** From now on it is given messages one by one. */
function share(subscription: Subscription): void {
  const { topic, group, state } = subscription;
  if (state === 'shared' || state === 'refused') return;
  group?.leave(subscription);
  topic.atHead.delete(subscription);
  subscription.state = 'shared';
}
