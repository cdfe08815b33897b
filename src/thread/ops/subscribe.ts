/**
 * The life of a subscription on the link: SUBSCRIBE and UNSUBSCRIBE with their answers, what a worker tells
 * of it unasked, and the end of a session.
 */
import type { TopicKey } from '../../core/topic-key.js';
import type { PackReader } from '../packing/pack-reader.js';
import type { PackWriter } from '../packing/pack-writer.js';
import { ENCODINGS, type Encoding } from './encoding.js';
import { type Gap, packMissing, readMissing } from './gap.js';
import {
  OP_CAUGHT_UP,
  OP_SESSION_ENDED,
  OP_SUBSCRIBE,
  OP_SUBSCRIBED,
  OP_TOPIC_MADE,
  OP_UNSUBSCRIBE,
  OP_UNSUBSCRIBED,
} from './opcodes.js';
import { isOptions, type SubscribeOptions } from './subscribe-options.js';

// ---- SUBSCRIBE: answered by SUBSCRIBED or FAILED; a repeated one is answered again ----
export interface SubscribeOp {
  request: number;
  /** The acceptor's number of the session; unique on that acceptor while it runs. */
  session: number;
  /** The acceptor's number of the subscription; unique on that acceptor while it runs. */
  subscription: number;
  topic: TopicKey;
  encoding: Encoding;
  options: SubscribeOptions;
}

export function packSubscribe(to: PackWriter, op: SubscribeOp): void {
  const options = JSON.stringify(op.options);
  to.begin(OP_SUBSCRIBE, 3 * (op.topic.length + options.length));
  to.u32(op.request);
  to.u32(op.session);
  to.u32(op.subscription);
  to.u8(op.encoding);
  to.name(op.topic);
  // What a session holds may be more than 65,535 bytes.
  to.longText(options);
}

export function readSubscribe(from: PackReader): SubscribeOp {
  return {
    request: from.u32(),
    session: from.u32(),
    subscription: from.u32(),
    encoding: from.kind(ENCODINGS) as Encoding,
    topic: from.topicKey(),
    options: readOptions(from.longText()),
  };
}

/** Throws RangeError, as for whatever else is not packed so: a worker of another node may say anything. */
function readOptions(text: string): SubscribeOptions {
  let options: unknown;
  try {
    options = JSON.parse(text);
  } catch (cause) {
    throw new RangeError('the options of a subscribe are not JSON', { cause });
  }
  if (isOptions(options)) return options;
  throw new RangeError('the options of a subscribe are not what they should be');
}

// ---- UNSUBSCRIBE: answered by UNSUBSCRIBED or FAILED `not_subscribed` ----
export interface UnsubscribeOp {
  request: number;
  session: number;
  subscription: number;
  topic: TopicKey;
}

export function packUnsubscribe(to: PackWriter, op: UnsubscribeOp): void {
  to.begin(OP_UNSUBSCRIBE, 3 * op.topic.length);
  to.u32(op.request);
  to.u32(op.session);
  to.u32(op.subscription);
  to.name(op.topic);
}

export function readUnsubscribe(from: PackReader): UnsubscribeOp {
  const request = from.u32();
  const session = from.u32();
  return { request, session, subscription: from.u32(), topic: from.topicKey() };
}

// ---- SESSION_ENDED: no answer; all its subscriptions end ----
export interface SessionEndedOp {
  session: number;
  /** Without a close frame: what it held has failed an attempt. */
  abrupt: boolean;
}

export function packSessionEnded(to: PackWriter, op: SessionEndedOp): void {
  to.begin(OP_SESSION_ENDED, 0);
  to.u32(op.session);
  to.u8(op.abrupt ? 1 : 0);
}

export function readSessionEnded(from: PackReader): SessionEndedOp {
  return { session: from.u32(), abrupt: from.kind(2) === 1 };
}

// ---- SUBSCRIBED: the live feed is attached; frames for it may only follow this ----
export interface SubscribedOp {
  request: number;
  subscription: number;
  topicNo: number;
  /** CRC32 of the topic's id mod 4096: what rand_a of its message ids carries. */
  idTag: number;
  /** Head of the topic when it was attached. */
  sequence: number;
  /** Last sequence that it is not going to be given, since it has it, or cannot have it. */
  delivered: number;
  epoch: string;
  /** null: nothing was asked for that could be missing. */
  recovered: boolean | null;
  gap: Gap | null;
}

export function packSubscribed(to: PackWriter, op: SubscribedOp): void {
  to.begin(OP_SUBSCRIBED, 3 * op.epoch.length);
  to.u32(op.request);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.u16(op.idTag);
  to.f64(op.sequence);
  to.f64(op.delivered);
  to.text(op.epoch);
  to.u8(op.recovered === null ? 2 : op.recovered ? 1 : 0);
  packMissing(to, op.gap);
}

export function readSubscribed(from: PackReader): SubscribedOp {
  const request = from.u32();
  const subscription = from.u32();
  const topicNo = from.u32();
  const idTag = from.u16();
  const sequence = from.count();
  const delivered = from.count();
  const epoch = from.text();
  const recovered = from.kind(3);
  return {
    request,
    subscription,
    topicNo,
    idTag,
    sequence,
    delivered,
    epoch,
    recovered: recovered === 2 ? null : recovered === 1,
    gap: readMissing(from),
  };
}

// ---- TOPIC_MADE: a SUBSCRIBE has made its topic, whatever comes of it: its answer follows ----
export function packTopicMade(to: PackWriter, request: number): void {
  to.begin(OP_TOPIC_MADE, 0);
  to.u32(request);
}

export function readTopicMade(from: PackReader): number {
  return from.u32();
}

// ---- UNSUBSCRIBED: the end of one subscription, asked for (`request` not 0) or not ----
export const UNSUBSCRIBED_ASKED = 0;
export const UNSUBSCRIBED_TOPIC_DELETED = 1;

/** Another session took the durable subscription for itself, or another node did. */
export const UNSUBSCRIBED_TAKEN_OVER = 2;

/** The durable subscription was deleted. */
export const UNSUBSCRIBED_DELETED = 3;

/** To a worker of another node: it is not coordinated here any more. */
export const UNSUBSCRIBED_MOVED = 4;
const UNSUBSCRIBED_REASONS = 5;

export interface UnsubscribedOp {
  request: number;
  subscription: number;
  topicNo: number;
  reason: number;
}

export function packUnsubscribed(to: PackWriter, op: UnsubscribedOp): void {
  to.begin(OP_UNSUBSCRIBED, 0);
  to.u32(op.request);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.u8(op.reason);
}

export function readUnsubscribed(from: PackReader): UnsubscribedOp {
  const [request, subscription, topicNo] = [from.u32(), from.u32(), from.u32()];
  return { request, subscription, topicNo, reason: from.kind(UNSUBSCRIBED_REASONS) };
}

// ---- CAUGHT_UP: a subscription that started behind has been given everything up to `sequence` ----
export interface CaughtUpOp {
  subscription: number;
  topicNo: number;
  sequence: number;
}

export function packCaughtUp(to: PackWriter, op: CaughtUpOp): void {
  to.begin(OP_CAUGHT_UP, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.f64(op.sequence);
}

export function readCaughtUp(from: PackReader): CaughtUpOp {
  return { subscription: from.u32(), topicNo: from.u32(), sequence: from.count() };
}
