/**
 * What is said of deliveries by whoever was handed them, over whichever session of its subscription: a
 * sequence and the attempt it came at name one. Sessions that are given messages as they ask for them are one
 * party in this; what others hold is theirs to judge. Pure.
 */
import type { Cursor } from './cursor.js';
import type { Member } from './cursor-entry.js';

/** A delivery as its token says it. */
export interface HandedOut {
  sequence: number;
  /** From 1 on. */
  attempt: number;
}

/** With the log that it is of: what clients hold, as text (wire/delivery-token.ts). */
export interface DeliveryToken extends HandedOut {
  /** Of the topic. */
  epoch: string;
}

/**
 * Settles it, also late: when it was handed to somebody else since, or its session went, and nobody has
 * settled it. False: it is settled, or was never handed out so.
 */
export function ackHanded(
  cursor: Cursor,
  { sequence, attempt }: HandedOut,
  nowMs: number,
): boolean {
  if (sequence > cursor.delivered || cursor.isSettled(sequence)) return false;
  const entry = cursor.entry(sequence);
  if (entry === undefined) {
    const { sole } = cursor;
    return sole !== null && cursor.settle(sole, sequence, nowMs);
  }
  const holder = entry.member ?? entry.holders.at(-1) ?? null;
  if (attempt > entry.attempts + 1) return false;
  // Taken from the log, and waiting for its key: nobody was given it.
  if (holder === null && entry.state === 'parked') return false;
  if (holder !== null) return cursor.settle(holder, sequence, nowMs);
  cursor.skip(sequence);
  return true;
}

/** Who holds it at this very attempt; null: nobody, or one who judges what it holds by itself. */
export function holderOf(cursor: Cursor, { sequence, attempt }: HandedOut): Member | null {
  const entry = cursor.entry(sequence);
  if (entry === undefined || entry.member?.feed !== 'asked for') return null;
  return entry.attempts + 1 === attempt ? entry.member : null;
}

/** It has not reached whom it was for: it is given again at once, and no attempt has failed. */
export function giveBack(cursor: Cursor, member: Member, sequence: number): boolean {
  const entry = cursor.entry(sequence);
  if (entry?.member !== member) return false;
  cursor.takeBack(entry);
  return true;
}
