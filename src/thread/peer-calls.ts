/**
 * Which calls a worker of another node may ask of this one: those about subscriptions that are coordinated
 * here. It may be of another version, so what it says is looked at before anybody takes it on trust.
 */
import type { CallArgs } from './calls.js';
import type { CallOp } from './ops/call.js';
import { isStart } from './ops/subscribe-options.js';

type PeerCall =
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

const VERDICTS: readonly unknown[] = ['ack', 'nack', 'extend', 'reject'];

export function isPeersCall({ method, args }: CallOp): boolean {
  if (!Object.hasOwn(ARGUMENTS, method)) return false;
  const fields = fieldsOf(args);
  return fields !== null && ARGUMENTS[method as PeerCall](fields);
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
  return value === null || (isCount(value) && Number(value) > 0);
}
