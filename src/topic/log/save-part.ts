/**
 * One subscription's part of a save: what had changed in its cursor when it was taken, and who waits to be
 * told that it is stored.
 */
import type { Clock } from '../../core/clock.js';
import type { Entry } from '../../core/cursor-entry.js';
import type { LogRow } from '../../core/message.js';
import type { DeliveryRecord } from '../../core/subscription-record.js';
import type { FailureRecord } from '../../core/trace-record.js';
import type {
  DeadLetterDraft,
  EphemeralSave,
  SubscriptionSave,
} from '../../log/contract/subscription-store.js';
import type { Tracker } from '../state/subscription.js';
import type { DurableIdentity } from '../state/tracker.js';

export const TAKEN = 'the subscription was taken over or deleted';
export const REPLACED =
  'the log was restored or has failed over: what it has not settled comes again';

export interface SavePart {
  tracker: Tracker;
  /** One of the two. */
  durable: SubscriptionSave | null;
  ephemeral: EphemeralSave | null;
  answers: Tracker['answers'];
  /** Given up, and nowhere any more. */
  missing: number[];
  /** Not to be tried again. */
  isGivenUp: boolean;
}

/** What changes after this is of the next save. */
export function takePart(tracker: Tracker, clock: Clock): SavePart {
  const { answers, durable, cursor } = tracker;
  const part = { tracker, answers, missing: [], isGivenUp: false };
  const wallMs = clock.now() - clock.monotonic();
  const taken: SavePart =
    durable === null
      ? { ...part, durable: null, ephemeral: ephemeralSave(tracker, wallMs) }
      : { ...part, durable: durableSave(tracker, durable, wallMs), ephemeral: null };
  tracker.answers = [];
  tracker.saving++;
  cursor.changes.clear();
  return taken;
}

/** Leaves what is of messages up to there. */
export function cutPart({ durable, ephemeral }: SavePart, upTo: number): void {
  const save = durable ?? ephemeral;
  if (save === null) return;
  save.deadLetters = upToOnly(save.deadLetters, upTo);
  save.failures = upToOnly(save.failures, upTo);
  save.settledDeliveries = save.settledDeliveries.filter((sequence) => sequence <= upTo);
  if (durable === null) return;
  durable.deliveries = upToOnly(durable.deliveries, upTo);
  if (durable.delivered <= upTo) return;
  durable.ackFloor = Math.min(durable.ackFloor, upTo);
  durable.settled = [];
  durable.delivered = durable.ackFloor;
}

export function upToOnly<T extends { sequence: number }>(items: T[], upTo: number): T[] {
  return items.filter(({ sequence }) => sequence <= upTo);
}

/** It is stored. */
export function answerAll({ answers }: SavePart): void {
  for (const { outlet, request } of answers) outlet.acked(request);
}

/** It is not, and will not be. */
export function refuseAnswers(of: Pick<SavePart, 'answers'>, detail: string): void {
  const code = 'unknown_delivery';
  for (const { outlet, request } of of.answers) {
    outlet.failed({ request, session: 0, code, detail, field: null });
  }
  of.answers = [];
}

function ephemeralSave(tracker: Tracker, wallMs: number): EphemeralSave {
  const { topic, cursor, sessionName: session } = tracker;
  const { settled: settledDeliveries, returned } = cursor.changes;
  const deadLetters = draftsOf(tracker, wallMs);
  const failures = failuresOf(tracker, wallMs);
  const { id: topicId, epoch } = topic;
  return { topicId, epoch, session, deadLetters, failures, settledDeliveries, returned };
}

function durableSave(
  tracker: Tracker,
  { id, term, createdAtMs }: DurableIdentity,
  wallMs: number,
): SubscriptionSave {
  const { topic, cursor, state } = tracker;
  const { changes, rule } = cursor;
  // Field by field: a spread costs microseconds, and there may be a thousand of these at once.
  return {
    id,
    topicId: topic.id,
    epoch: topic.epoch,
    term,
    createdAtMs,
    ackFloor: cursor.floor,
    settled: cursor.settledRanges,
    delivered: cursor.delivered,
    settings: {
      ackWaitMs: rule.ackWaitMs,
      maxDeliver: rule.maxDeliver,
      ordering: cursor.ordering,
    },
    paused: state === 'paused',
    deliveries: [...changes.deliveries.values()].map((entry) => recordOf(entry, wallMs)),
    settledDeliveries: changes.settled,
    dropDeliveries: changes.dropDeliveries,
    deadLetters: draftsOf(tracker, wallMs),
    failures: failuresOf(tracker, wallMs),
  };
}

function draftsOf(tracker: Tracker, wallMs: number): DeadLetterDraft[] {
  return tracker.cursor.changes.deadLetters.map((one) => ({
    ...one,
    ...atHand(tracker.rowOf(one.sequence)),
    firstFailedAtMs: Math.round(one.firstFailedAtMs + wallMs),
    lastFailedAtMs: Math.round(one.lastFailedAtMs + wallMs),
  }));
}

function failuresOf({ cursor }: Tracker, wallMs: number): FailureRecord[] {
  return cursor.changes.failures.map((one) => ({ ...one, atMs: Math.round(one.atMs + wallMs) }));
}

/** The message of a delivery that was given up, if it is still at hand. */
function atHand(row: LogRow | undefined): { row?: LogRow } {
  return row === undefined ? {} : { row };
}

function recordOf(entry: Entry, wallMs: number): DeliveryRecord {
  const { sequence, attempts, dueAtMs, firstFailedAtMs, lastError, redriven } = entry;
  return {
    sequence,
    attempts,
    // Held by now: what it is due at would be the time it was granted.
    dueAtMs: Math.round((entry.state === 'held' ? entry.sentAtMs : dueAtMs) + wallMs),
    firstFailedAtMs: Number.isNaN(firstFailedAtMs) ? 0 : Math.round(firstFailedAtMs + wallMs),
    lastError,
    redriven,
  };
}
