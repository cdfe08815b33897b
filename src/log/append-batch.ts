/** The parts of a batch: what one topic has in it, before and after it has its sequences. */
import type { FirstResult, PendingAppend } from './message-log.js';

/** Appends of one topic that go into one transaction, in their order. Never empty. */
export interface Part<A extends PendingAppend> {
  topicId: number;
  appends: A[];
  /** Of the payloads. */
  bytes: number;
  /** Appends with a dedupe key. */
  keyed: number;
}

/** A part under the lock of its topic. True only once its transaction has committed. */
export interface PlacedPart<A extends PendingAppend> {
  part: Part<A>;
  firstSequence: number;
  publishedAtMs: number;
  /** Get firstSequence, firstSequence + 1, ... May be empty. */
  stored: A[];
  /** Payload bytes of `stored`. */
  storedBytes: number;
  repeats: Repeat<A>[];
  mismatches: A[];
}

export interface Repeat<A extends PendingAppend> {
  append: A;
  first: FirstResult;
}

export function partOf<A extends PendingAppend>(topicId: number, appends: A[]): Part<A> {
  let bytes = 0;
  let keyed = 0;
  for (const { publication } of appends) {
    bytes += publication.payload.length;
    if (publication.dedupeKey !== null) keyed++;
  }
  return { topicId, appends, bytes, keyed };
}

/** All of a part without dedupe keys. */
export function placedWhole<A extends PendingAppend>(
  part: Part<A>,
  firstSequence: number,
  publishedAtMs: number,
): PlacedPart<A> {
  return {
    part,
    firstSequence,
    publishedAtMs,
    stored: part.appends,
    storedBytes: part.bytes,
    repeats: [],
    mismatches: [],
  };
}

export function appendsIn<A extends PendingAppend>(parts: readonly Part<A>[]): number {
  return parts.reduce((sum, part) => sum + part.appends.length, 0);
}

/** Two lists of about as many appends, the order of each topic kept. Needs two appends at least. */
export function halve<A extends PendingAppend>(parts: readonly Part<A>[]): [Part<A>[], Part<A>[]] {
  let room = Math.floor(appendsIn(parts) / 2);
  const left: Part<A>[] = [];
  const right: Part<A>[] = [];
  for (const part of parts) {
    const { topicId, appends } = part;
    if (appends.length <= room) left.push(part);
    else if (room === 0) right.push(part);
    else {
      left.push(partOf(topicId, appends.slice(0, room)));
      right.push(partOf(topicId, appends.slice(room)));
    }
    room -= Math.min(room, appends.length);
  }
  return [left, right];
}

/** `later` behind `earlier`, in one part for each topic. */
export function joinParts<A extends PendingAppend>(
  earlier: readonly Part<A>[],
  later: readonly Part<A>[],
): Part<A>[] {
  const joined = new Map(earlier.map((part) => [part.topicId, part]));
  for (const part of later) {
    const before = joined.get(part.topicId);
    const appends = before === undefined ? part.appends : [...before.appends, ...part.appends];
    joined.set(part.topicId, partOf(part.topicId, appends));
  }
  return [...joined.values()];
}
