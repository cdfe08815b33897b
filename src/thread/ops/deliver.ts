/**
 * Messages in order, from the group or page by page: who is in the group, how far a socket got, and the
 * credit in bytes.
 */
import type { PackReader } from '../packing/pack-reader.js';
import type { PackWriter } from '../packing/pack-writer.js';
import type { Encoding } from './encoding.js';
import {
  OP_CREDIT,
  OP_DELIVER,
  OP_DELIVER_GROUP,
  OP_DRAINED,
  OP_JOIN,
  OP_LEAVE,
  OP_LEFT,
} from './opcodes.js';

// ---- LEFT: a session's socket refused a frame; it is out of the group and must be fed from here ----
/** `lastSequence` is the last one that reached the socket. DRAINED follows when it takes more. */
export interface LeftOp {
  subscription: number;
  topicNo: number;
  /** That it starts; see Rounds below. */
  round: number;
  lastSequence: number;
}

export function packLeft(to: PackWriter, op: LeftOp): void {
  to.begin(OP_LEFT, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.u16(op.round);
  to.f64(op.lastSequence);
}

export function readLeft(from: PackReader): LeftOp {
  return {
    subscription: from.u32(),
    topicNo: from.u32(),
    round: from.u16(),
    lastSequence: from.f64(),
  };
}

// ---- DRAINED: the session takes pages again. Sent once per DELIVER handled without LEFT, and once
//      after a LEFT when the socket is empty enough; it is the credit of an addressed page ----
export interface DrainedOp {
  subscription: number;
  topicNo: number;
}

export function packDrained(to: PackWriter, op: DrainedOp): void {
  to.begin(OP_DRAINED, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
}

export function readDrained(from: PackReader): DrainedOp {
  return { subscription: from.u32(), topicNo: from.u32() };
}

// ---- CREDIT: bytes of DELIVER and DELIVER_GROUP the acceptor has handed to its sockets ----
export function packCredit(to: PackWriter, bytes: number): void {
  to.begin(OP_CREDIT, 0);
  to.f64(bytes);
}

export function readCredit(from: PackReader): number {
  return from.f64();
}

// ---- DELIVER_GROUP: joined message frames for all sessions that joined (topicNo, encoding) ----
export interface DeliverGroupOp {
  topicNo: number;
  encoding: Encoding;
  firstSequence: number;
  lastSequence: number;
  /** Joined frames, at most 64 messages; see wire/server-frame. */
  frames: Uint8Array;
}

export function packDeliverGroup(to: PackWriter, op: DeliverGroupOp): void {
  to.begin(OP_DELIVER_GROUP, op.frames.length);
  to.u32(op.topicNo);
  to.u8(op.encoding);
  to.f64(op.firstSequence);
  to.f64(op.lastSequence);
  to.blob(op.frames);
}

export function readDeliverGroup(from: PackReader): DeliverGroupOp {
  return {
    topicNo: from.u32(),
    encoding: from.u8() as Encoding,
    firstSequence: from.f64(),
    lastSequence: from.f64(),
    frames: from.blob(),
  };
}

// ---- DELIVER: the same for one session: a page of its catch-up. Answered by DRAINED or LEFT ----
// Rounds. A subscription's `round` starts at 0 at SUBSCRIBED; the acceptor adds 1 (mod 65,536) when it
// packs a LEFT for it, the worker when it reads that LEFT. A DELIVER or JOIN of another round was packed
// before the worker knew of the LEFT: the acceptor discards it (its bytes are still credited) and
// answers nothing. At most one DELIVER of a subscription is under way. Both also add 1 for a GAP of a
// fall-back and for a SOUGHT, the worker when it packs it and the acceptor when it reads it: a LEFT that
// lacks one is of the log before, and reached no further in this one than where the subscription fell back
// to; or it is of before the subscription was moved, and says nothing of what was sent since.
export interface DeliverOp {
  subscription: number;
  topicNo: number;
  round: number;
  firstSequence: number;
  lastSequence: number;
  /** Joined frames; may be empty when every message of the range has expired. */
  frames: Uint8Array;
}

export function packDeliver(to: PackWriter, op: DeliverOp): void {
  to.begin(OP_DELIVER, op.frames.length);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.u16(op.round);
  to.f64(op.firstSequence);
  to.f64(op.lastSequence);
  to.blob(op.frames);
}

export function readDeliver(from: PackReader): DeliverOp {
  return {
    subscription: from.u32(),
    topicNo: from.u32(),
    round: from.u16(),
    firstSequence: from.f64(),
    lastSequence: from.f64(),
    frames: from.blob(),
  };
}

// ---- JOIN: the session enters the group of (topicNo, its encoding); LEAVE: it leaves, if it is in it.
//      Nothing was published to the group between the session's last page and its JOIN ----
export interface JoinOp {
  subscription: number;
  topicNo: number;
  round: number;
}

export function packJoin(to: PackWriter, op: JoinOp): void {
  to.begin(OP_JOIN, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.u16(op.round);
}

export function readJoin(from: PackReader): JoinOp {
  return { subscription: from.u32(), topicNo: from.u32(), round: from.u16() };
}

export interface LeaveOp {
  subscription: number;
  topicNo: number;
}

export function packLeave(to: PackWriter, op: LeaveOp): void {
  to.begin(OP_LEAVE, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
}

export function readLeave(from: PackReader): LeaveOp {
  return { subscription: from.u32(), topicNo: from.u32() };
}
