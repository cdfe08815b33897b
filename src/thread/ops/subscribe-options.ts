/**
 * How a SUBSCRIBE is meant, as JSON: what its session asked for, and of a session of another node what that
 * node knows of it. Checked where it is read, since another node may be of another version.
 */
import { HELD_MAX, type HeldDelivery } from '../../core/held-deliveries.js';

/** Travels as JSON: a subscribe is rare beside what follows it. */
export interface SubscribeOptions {
  /** Durable under this name; null: ephemeral. */
  name: string | null;
  ack: 'explicit' | 'none';
  /** null: not named, so an ephemeral one has no window until the session acks. */
  maxInFlight: number | null;
  /** ms; null: the default. Of a durable one it counts when it is made. The next two also. */
  ackWaitMs: number | null;
  maxDeliver: number | null;
  ordering: 'none' | 'key' | 'topic';
  /** Takes a durable one over from the sessions that have it, and shares it with none. */
  exclusive: boolean;
  start:
    | { from: 'latest' }
    | { from: 'earliest' }
    | { from: 'sequence'; sequence: number; epoch: string | null }
    | { from: 'time'; timeMs: number };
  /** The topic may be made when it does not exist. */
  create: boolean;
  /**
   * It is given messages one by one, so many until it wants more (want.ts); `all`: as many as its window has
   * room for. Absent: as they come, by groups and pages. Below 0: what it gave up is on its way.
   */
  wanted?: number | 'all';
  /** It is fed by pages alone, never with a group. */
  alone?: true;
  /** Of a worker of another node, whose session this is. */
  attached?: AttachedSession;
}

/** A session as the worker of its own node knows it, told to the one that coordinates its subscription. */
export interface AttachedSession {
  /** What traces call it. */
  name: string;
  /** Of the log that the rest is of. */
  epoch: string;
  /** What it has and has not settled, at most HELD_MAX. */
  held: readonly HeldDelivery[];
  /** Sequences of a GIVE that its socket has not answered, in their order; null: none is under way. */
  giving: readonly number[] | null;
  /** It was told before that it has caught up. */
  isCaughtUp: boolean;
}

/** More than any limit lets a session ask for; what is larger no database could store. */
const SETTING_MAX = 2 ** 31 - 1;
const ORDERINGS: readonly unknown[] = ['none', 'key', 'topic'];

/** Whether JSON that came is one. */
export function isOptions(value: unknown): value is SubscribeOptions {
  if (!isRecord(value)) return false;
  const { name, ack, maxInFlight, ackWaitMs, maxDeliver, ordering, exclusive, create } = value;
  const { start, wanted, alone, attached } = value;
  return (
    (name === null || typeof name === 'string') &&
    (ack === 'explicit' || ack === 'none') &&
    [maxInFlight, ackWaitMs, maxDeliver].every(isSetting) &&
    isOrdering(ordering) &&
    [exclusive, create].every((one) => typeof one === 'boolean') &&
    isStart(start) &&
    (alone === undefined || alone === true) &&
    (wanted === undefined || wanted === 'all' || Number.isSafeInteger(wanted)) &&
    (attached === undefined || isAttached(attached))
  );
}

export function isOrdering(value: unknown): boolean {
  return ORDERINGS.includes(value);
}

/** Null: not named. */
export function isSetting(value: unknown): boolean {
  return value === null || (isCount(value) && Number(value) <= SETTING_MAX);
}

/** Whether JSON that came says where to begin. */
export function isStart(value: unknown): value is SubscribeOptions['start'] {
  if (!isRecord(value)) return false;
  const { from, sequence, epoch, timeMs } = value;
  if (from === 'sequence')
    return isCount(sequence) && (epoch === null || typeof epoch === 'string');
  return from === 'time' ? Number.isFinite(timeMs) : from === 'latest' || from === 'earliest';
}

function isAttached(value: unknown): value is AttachedSession {
  if (!isRecord(value)) return false;
  const { name, epoch, held, giving, isCaughtUp } = value;
  return (
    [name, epoch].every((one) => typeof one === 'string') &&
    typeof isCaughtUp === 'boolean' &&
    isList(held) &&
    held.every((one) => isRecord(one) && isCount(one['sequence']) && isCount(one['attempt'])) &&
    (giving === null || (isList(giving) && giving.every(isCount)))
  );
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length <= HELD_MAX;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
