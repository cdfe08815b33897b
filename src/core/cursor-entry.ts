/**
 * What a cursor knows of one delivery that is not an ordinary first one, and of the sessions that take
 * part in the subscription. Plain data; the rules are in cursor.ts. Pure.
 */
import { Progress } from './progress.js';

/** One session of a subscription. */
export class Member {
  /** Opaque text, for the trace: which session failed. */
  readonly name: string;
  /** Deliveries it may hold; Infinity: no window. */
  inFlightMax: number;
  /** Monotonic ms of the last time its socket's buffer was seen to run empty; -Infinity: never full. */
  drainedAtMs = Number.NEGATIVE_INFINITY;
  /** Entries it holds. */
  held = 0;
  readonly progress: Progress;
  /** asked for: it is given messages one by one, as many as it wants; flowing: as they come. */
  readonly feed: 'flowing' | 'asked for';
  /** Entries whose deadline has passed, until it is known whether they ever left the socket. */
  overdue: Entry[] = [];

  constructor(options: {
    name: string;
    inFlightMax: number;
    ackWaitMs: number;
    feed?: Member['feed'];
  }) {
    this.name = options.name;
    this.feed = options.feed ?? 'flowing';
    this.inFlightMax = options.inFlightMax;
    this.progress = new Progress(options.ackWaitMs);
  }
}

/**
 * waiting  failed, until `dueAtMs`
 * ready    to be sent as soon as a member has room, lowest sequence first
 * parked   its key is taken by another delivery
 * held     sent to `member`, until its deadline
 * gone     settled; what still refers to it is outdated
 */
export type EntryState = 'waiting' | 'ready' | 'parked' | 'held' | 'gone';

export interface Entry {
  readonly sequence: number;
  state: EntryState;
  /** Attempts that have failed. */
  attempts: number;
  /** Waiting: when it is ready, monotonic ms. Held: how long it may be, ms. */
  dueAtMs: number;
  /** The session that holds it. */
  member: Member | null;
  /** Sessions that have had it: their late acks count. */
  holders: Member[];
  /** Of each of them: the place among everything sent at which it was last sent to it. */
  orders: number[];
  sentAtMs: number;
  /** Place among everything sent: its sequence for a first attempt, between two for a later one. */
  order: number;
  /** No deadline before this; -Infinity: not extended. */
  extendedUntilMs: number;
  /** undefined: not known (restored); null: none. */
  key: string | null | undefined;
  /** Monotonic ms; NaN: has not failed. */
  firstFailedAtMs: number;
  lastError: string | null;
  /** Stands in the dead letters until it is settled. */
  redriven: boolean;
  /** The store has, or is being sent, a row of it. */
  stored: boolean;
}

export function newEntry(sequence: number): Entry {
  return {
    sequence,
    state: 'ready',
    attempts: 0,
    dueAtMs: 0,
    member: null,
    holders: [],
    orders: [],
    sentAtMs: 0,
    order: sequence,
    extendedUntilMs: Number.NEGATIVE_INFINITY,
    key: undefined,
    firstFailedAtMs: Number.NaN,
    lastError: null,
    redriven: false,
    stored: false,
  };
}

/** Of a first attempt that the only member holds without one. */
export function heldEntry(
  sequence: number,
  member: Member,
  times: Pick<Entry, 'sentAtMs' | 'dueAtMs'>,
): Entry {
  member.held++;
  const entry = newEntry(sequence);
  const had = { holders: [member], orders: [sequence] };
  return { ...entry, ...had, ...times, state: 'held', member };
}

/** It is sent to `member`, at that place among everything sent. */
export function hold(entry: Entry, member: Member, order: number): void {
  entry.state = 'held';
  entry.member = member;
  entry.order = order;
  member.held++;
  const at = entry.holders.indexOf(member);
  if (at !== -1) entry.orders[at] = order;
  else {
    entry.holders.push(member);
    entry.orders.push(order);
  }
}

/** Of a held entry, monotonic ms; `dueAtMs` is the time it was granted. */
export function deadlineOf(entry: Entry): number {
  const { member } = entry;
  if (member === null) return entry.dueAtMs;
  const progress = member.progress.lastBefore(entry.order);
  const from = Math.max(entry.sentAtMs, member.drainedAtMs, progress);
  return Math.max(from + entry.dueAtMs, entry.extendedUntilMs);
}

/** Nobody holds it any more. */
export function letGo(entry: Entry): void {
  if (entry.member !== null) entry.member.held--;
  entry.member = null;
}
