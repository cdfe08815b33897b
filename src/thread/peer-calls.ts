/**
 * Which calls a worker of another node may ask of this one, and this one of it: those about subscriptions
 * that are coordinated there. It may be of another version, so what it says is looked at before anybody takes
 * it on trust.
 */
import type { CallArgs, CallResult } from './calls.js';
import type { CallOp } from './ops/call.js';
import { isOrdering, isSetting, isStart } from './ops/subscribe-options.js';

export type PeerCall =
  `subscription.${'live' | 'patch' | 'seek' | 'pause' | 'resume' | 'settle' | 'held'}`;
type Fields = Readonly<Record<string, unknown>>;

/** As each is told from JSON that is none of its arguments. */
const ARGUMENTS: { readonly [M in PeerCall]: (args: Fields & Partial<CallArgs<M>>) => boolean } = {
  'subscription.live': ({ of }) => Array.isArray(of) && of.every(isNamed),
  'subscription.patch': (args) => isOne(args) && [args.ackWaitMs, args.maxDeliver].every(isLimit),
  'subscription.seek': (args) => isOne(args) && isStart(args.start),
  'subscription.pause': (args) => isOne(args),
  'subscription.resume': (args) => isOne(args),
  'subscription.settle': (args) => isOne(args) && isSettle(args),
  'subscription.held': (args) => isOne(args) && isSession(args.by),
};

/** The same of what is answered. */
const ANSWERS: { readonly [M in PeerCall]: (answer: Fields) => boolean } = {
  'subscription.live': ({ standings }) =>
    Array.isArray(standings) && standings.every((one) => one === null || isStanding(one)),
  'subscription.patch': isChanged,
  'subscription.seek': isChanged,
  'subscription.pause': isChanged,
  'subscription.resume': isChanged,
  'subscription.settle': ({ unknown }) => Array.isArray(unknown) && unknown.every(isCount),
  'subscription.held': ({ held }) => isCount(held),
};

const VERDICTS: readonly unknown[] = ['ack', 'nack', 'extend', 'reject'];

export function isPeersCall({ method, args }: CallOp): boolean {
  if (!Object.hasOwn(ARGUMENTS, method)) return false;
  const fields = fieldsOf(args);
  return fields !== null && ARGUMENTS[method as PeerCall](fields);
}

/** Null: it is no answer to such a call. */
export function readPeersAnswer<M extends PeerCall>(method: M, text: string): CallResult<M> | null {
  const fields = fieldsOf(text);
  return fields !== null && ANSWERS[method](fields) ? (fields as CallResult<M>) : null;
}

function fieldsOf(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Fields) : null;
  } catch {
    return null;
  }
}

function isOne({ key, subscription }: Fields): boolean {
  return typeof key === 'string' && key.includes('\0') && typeof subscription === 'string';
}

function isNamed(one: unknown): boolean {
  if (typeof one !== 'object' || one === null) return false;
  // Which node is asked is for none of the others to say.
  const { topicId, name, at } = one as Fields;
  return Number.isSafeInteger(topicId) && typeof name === 'string' && at === undefined;
}

function isSettle({ verdict, of, ms, reason }: Fields): boolean {
  const isTold = VERDICTS.includes(verdict) && Array.isArray(of) && of.every(isToken);
  return isTold && (ms === null || isCount(ms)) && (reason === null || typeof reason === 'string');
}

function isToken(one: unknown): boolean {
  if (typeof one !== 'object' || one === null) return false;
  const { epoch, sequence, attempt } = one as Fields;
  return typeof epoch === 'string' && isCount(sequence) && isCount(attempt);
}

/** Of a session of another node: those of acceptors are nobody else's. */
function isSession(by: unknown): boolean {
  return typeof by === 'object' && by !== null && typeof (by as Fields)['session'] === 'string';
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isLimit(value: unknown): boolean {
  return isSetting(value) && value !== 0;
}

function isChanged({ subscription }: Fields): boolean {
  return subscription === null || isSummary(subscription);
}

function isSummary(value: unknown): boolean {
  if (!isStanding(value)) return false;
  const { topicId, topic, name, createdAtMs, head } = value as Fields;
  const areNames = [topic, name].every((one) => typeof one === 'string');
  return areNames && [topicId, head].every(isCount) && Number.isFinite(createdAtMs);
}

function isStanding(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { settings, paused, ackFloor, delivered, inFlight, parked, ...more } = value as Fields;
  const { oldestUnackedMs, sessions } = more;
  const counts = [ackFloor, delivered, inFlight, parked, sessions];
  const isOldest = oldestUnackedMs === null || isCount(oldestUnackedMs);
  return isSettings(settings) && typeof paused === 'boolean' && counts.every(isCount) && isOldest;
}

function isSettings(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { ackWaitMs, maxDeliver, ordering } = value as Fields;
  return [ackWaitMs, maxDeliver].every(isCount) && isOrdering(ordering);
}
