/**
 * Messages one by one, out of order: GIVE and GIVEN; whether what was sent has left: PROBE; and, between two
 * nodes, what is given: HOLDS.
 */
import type { PackReader } from '../packing/pack-reader.js';
import type { PackWriter } from '../packing/pack-writer.js';
import { OP_GIVE, OP_GIVEN, OP_HOLDS, OP_PROBE, OP_PROBED } from './opcodes.js';

// ---- GIVE: messages that are not the next page: redeliveries, and all messages of a subscription that
//      several sessions share. They move no cursor. Answered by GIVEN; one at a time is under way ----
export interface GiveOp {
  subscription: number;
  topicNo: number;
  /** How many, at most 64. */
  messages: number;
  /** Joined frames, one message each. */
  frames: Uint8Array;
}

export function packGive(to: PackWriter, op: GiveOp): void {
  to.begin(OP_GIVE, op.frames.length);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.u8(op.messages);
  to.blob(op.frames);
}

export function readGive(from: PackReader): GiveOp {
  return {
    subscription: from.u32(),
    topicNo: from.u32(),
    messages: from.u8(),
    frames: from.blob(),
  };
}

/** Of one GIVE. */
const MESSAGES_MAX = 64;

// ---- HOLDS: which messages the GIVE that follows it holds. Of a term that is older than one that the
//      receiver has seen, both are dropped. Between nodes alone ----
export interface HoldsOp {
  subscription: number;
  /** Under which the sender coordinates it. */
  term: number;
  /** At most 64, in the order of the GIVE. */
  deliveries: readonly GivenMessage[];
}

/** What a GIVE says of one message beside its frame. */
export interface GivenMessage {
  row: { readonly sequence: number; readonly messageId: Uint8Array };
  /** From 1 on. */
  attempt: number;
}

export function packHolds(to: PackWriter, { subscription, term, deliveries }: HoldsOp): void {
  to.begin(OP_HOLDS, 28 * deliveries.length);
  to.u32(subscription);
  to.f64(term);
  to.u8(deliveries.length);
  for (const { row, attempt } of deliveries) {
    to.f64(row.sequence);
    to.u32(attempt);
    to.bytes16(row.messageId);
  }
}

export function readHolds(from: PackReader): HoldsOp {
  const subscription = from.u32();
  const term = from.count();
  const deliveries = Array.from({ length: from.kind(MESSAGES_MAX + 1) }, () => {
    const sequence = from.count();
    const attempt = from.u32();
    return { row: { sequence, messageId: from.bytes16() }, attempt };
  });
  return { subscription, term, deliveries };
}

// ---- GIVEN: how much of a GIVE the socket took. Sent when it has room for more ----
export interface GivenOp {
  subscription: number;
  topicNo: number;
  /** Messages from its start; Infinity: all. */
  taken: number;
}

export function packGiven(to: PackWriter, op: GivenOp): void {
  to.begin(OP_GIVEN, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.f64(op.taken);
}

export function readGiven(from: PackReader): GivenOp {
  return { subscription: from.u32(), topicNo: from.u32(), taken: readTaken(from) };
}

function readTaken(from: PackReader): number {
  const taken = from.f64();
  if (taken === Number.POSITIVE_INFINITY || (Number.isSafeInteger(taken) && taken >= 0))
    return taken;
  throw new RangeError(`${taken} is no number of messages`);
}

// ---- PROBE: are all bytes sent to this subscription's socket on their way? Answered by PROBED when they
//      are: what has not left the node cannot have been acknowledged ----
export interface ProbeOp {
  subscription: number;
  topicNo: number;
}

export function packProbe(to: PackWriter, op: ProbeOp): void {
  to.begin(OP_PROBE, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
}

export function readProbe(from: PackReader): ProbeOp {
  return { subscription: from.u32(), topicNo: from.u32() };
}

export interface ProbedOp extends ProbeOp {
  /** The socket was empty when it was asked. */
  wasEmpty: boolean;
}

export function packProbed(to: PackWriter, op: ProbedOp): void {
  to.begin(OP_PROBED, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.u8(op.wasEmpty ? 1 : 0);
}

export function readProbed(from: PackReader): ProbedOp {
  return { subscription: from.u32(), topicNo: from.u32(), wasEmpty: from.kind(2) === 1 };
}
