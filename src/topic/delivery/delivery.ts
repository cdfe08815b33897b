/**
 * The pieces that bring messages to sessions, put together: who is fed how, what comes again and when,
 * and what of it is stored. Each knows the others only by what it needs of them.
 */
import type { Clock } from '../../core/clock.js';
import type { Limits } from '../../core/limits.js';
import type { LogRow } from '../../core/message.js';
import { rangesOf } from '../../core/sequence-ranges.js';
import type { LogPage, ReadRange } from '../../log/contract/message-log.js';
import type { SubscriptionStore } from '../../log/contract/subscription-store.js';
import { PageReads } from '../log/page-reads.js';
import { RedrivenCheck } from '../log/redriven-check.js';
import { Saves } from '../log/saves.js';
import { Durables } from '../state/durables.js';
import type { Tracker } from '../state/tracker.js';
import { Attachments } from './attachments.js';
import { Deadlines } from './deadlines.js';
import { Feeder } from './feeder.js';
import { Giver } from './giver.js';

export interface DeliveryOptions {
  clock: Clock;
  limits: Limits;
  store: SubscriptionStore;
  /** Pages of the log. */
  read: (range: ReadRange) => Promise<LogPage>;
  /** Another node or worker has taken a durable subscription over, or it was deleted. */
  onLost: (tracker: Tracker) => void;
  /** Something failed that is tried again. */
  onTrouble: (what: string, error: unknown) => void;
}

export interface Delivery {
  readonly feeder: Feeder;
  readonly giver: Giver;
  readonly deadlines: Deadlines;
  readonly saves: Saves;
  readonly durables: Durables;
  readonly attachments: Attachments;
  readonly redrivenCheck: RedrivenCheck;
}

export function buildDelivery(options: DeliveryOptions): Delivery {
  const { clock, limits, store, read, onLost, onTrouble } = options;
  const reads = new PageReads({ read, clock });
  const feeder: Feeder = new Feeder({
    reads,
    clock,
    onReadFailed: (topic, error) => onTrouble(`catch-up of ${topic.name}`, error),
    onShared: (tracker) => giver.give(tracker),
  });
  const giver: Giver = new Giver({
    feeder,
    clock,
    reads,
    redrivenRows: (tracker, sequences) => redrivenRows(store, tracker, sequences),
    onReadFailed: ({ topic }, error) => onTrouble(`redelivery of ${topic.name}`, error),
    onGiven: (tracker) => {
      deadlines.schedule(tracker);
      saves.changed(tracker);
    },
  });
  const deadlines: Deadlines = new Deadlines({
    clock,
    onWoken: (tracker) => {
      saves.changed(tracker);
      giver.give(tracker);
    },
  });
  const durables: Durables = new Durables({ store, clock, limits });
  const saves: Saves = new Saves({
    store,
    clock,
    onLost,
    onMissing: (tracker, sequences) => {
      if (tellMissing(feeder, tracker, sequences)) saves.changed(tracker);
    },
    onStored: (tracker) => durables.giveUp(tracker),
    onFailed: (error) => onTrouble('saving cursors', error),
  });
  const attachments = new Attachments({ feeder, giver, deadlines, saves, durables, clock });
  const redrivenCheck = new RedrivenCheck({
    clock,
    held: () => durables.all(),
    read: (ids) => store.redriven(ids),
    onAdded: (tracker) => giver.give(tracker),
  });
  return { feeder, giver, deadlines, saves, durables, attachments, redrivenCheck };
}

/** Copies that the dead letters keep of messages that are being redriven. */
function redrivenRows(
  store: SubscriptionStore,
  { topic, durable, sessionName: session }: Tracker,
  sequences: readonly number[],
): Promise<LogRow[]> {
  if (durable !== null) return store.redrivenRows({ subscriptionId: durable.id }, sequences);
  return store.redrivenRows({ topicId: topic.id, session }, sequences);
}

/** The sessions there are told what they will not get; with nobody there the next one is. */
function tellMissing(feeder: Feeder, tracker: Tracker, sequences: readonly number[]): boolean {
  const { subscriptions, cursor, durable } = tracker;
  if (subscriptions.size === 0) return false;
  for (const [from, to] of rangesOf(sequences)) {
    for (const one of subscriptions) feeder.tellMissing(one, { from, to, reason: 'retention' });
  }
  // What is owed in their place goes with the next save.
  if (durable !== null) cursor.changes.settled.push(...sequences);
  return durable !== null;
}
