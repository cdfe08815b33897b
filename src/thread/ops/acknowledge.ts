/** What a session says of messages it was given: ACK and VERDICT, their answers and their credit. */
import type { PackReader } from '../packing/pack-reader.js';
import type { PackWriter } from '../packing/pack-writer.js';
import { OP_ACK, OP_ACK_CREDIT, OP_ACKED, OP_VERDICT } from './opcodes.js';

// ---- ACK: answered by ACKED when `request` is not 0, by FAILED `unknown_delivery` always ----
export const ACK_BY_ID = 0;
export const ACK_BY_SEQUENCE = 1;
export const ACK_CUMULATIVE = 2;
const ACK_KINDS = 3;

const NO_ID = new Uint8Array(16);

export interface AckOp {
  /** 0: the frame had no ref, so success needs no answer. FAILED then carries `session` alone. */
  request: number;
  session: number;
  subscription: number;
  topicNo: number;
  kind: number;
  /** For the two kinds by sequence; else 0. */
  sequence: number;
  /** 16 bytes for ACK_BY_ID; else null. */
  messageId: Uint8Array | null;
}

export function packAck(to: PackWriter, op: AckOp): void {
  to.begin(OP_ACK, 0);
  to.u32(op.request);
  to.u32(op.session);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.u8(op.kind);
  if (op.kind === ACK_BY_ID) to.bytes16(op.messageId ?? NO_ID);
  else to.f64(op.sequence);
}

export function readAck(from: PackReader): AckOp {
  const op: AckOp = {
    request: from.u32(),
    session: from.u32(),
    subscription: from.u32(),
    topicNo: from.u32(),
    kind: from.kind(ACK_KINDS),
    sequence: 0,
    messageId: null,
  };
  if (op.kind === ACK_BY_ID) op.messageId = from.bytes16();
  else op.sequence = from.count();
  return op;
}

// ---- VERDICT: nack, extend, reject, and that it has not reached whom it was for; answered as ACK is ----
export const VERDICT_NACK = 0;
export const VERDICT_EXTEND = 1;
export const VERDICT_REJECT = 2;
/** To be given again at once; no attempt has failed. */
export const VERDICT_RETURN = 3;
const VERDICTS = 4;

export interface VerdictOp {
  /** 0: the frame had no ref. */
  request: number;
  session: number;
  subscription: number;
  topicNo: number;
  verdict: number;
  /** What is meant when `messageId` is null. */
  sequence: number;
  /** 16 bytes; null: by sequence. */
  messageId: Uint8Array | null;
  /** Delay of a nack, time of an extend; null: not named. */
  ms: number | null;
  reason: string | null;
}

export function packVerdict(to: PackWriter, op: VerdictOp): void {
  to.begin(OP_VERDICT, 3 * (op.reason?.length ?? 0));
  to.u32(op.request);
  to.u32(op.session);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.u8(op.verdict);
  to.f64(op.sequence);
  to.f64(op.ms ?? -1);
  to.textOrNull(op.reason);
  to.u8(op.messageId === null ? ACK_BY_SEQUENCE : ACK_BY_ID);
  if (op.messageId !== null) to.bytes16(op.messageId);
}

export function readVerdict(from: PackReader): VerdictOp {
  const op: VerdictOp = {
    request: from.u32(),
    session: from.u32(),
    subscription: from.u32(),
    topicNo: from.u32(),
    verdict: from.kind(VERDICTS),
    sequence: from.count(),
    messageId: null,
    ms: readMs(from),
    reason: from.textOrNull(),
  };
  if (from.kind(ACK_KINDS) === ACK_BY_ID) op.messageId = from.bytes16();
  return op;
}

function readMs(from: PackReader): number | null {
  const ms = from.f64();
  if (ms === -1) return null;
  if (Number.isFinite(ms) && ms >= 0) return ms;
  throw new RangeError(`${ms} is no time`);
}

// ---- ACKED: the answer to an ACK with a request number ----
export function packAcked(to: PackWriter, request: number): void {
  to.begin(OP_ACKED, 0);
  to.u32(request);
}

export function readAcked(from: PackReader): number {
  return from.u32();
}

// ---- ACK_CREDIT: acknowledgements the worker has handled ----
export function packAckCredit(to: PackWriter, acks: number): void {
  to.begin(OP_ACK_CREDIT, 0);
  to.u32(acks);
}

export function readAckCredit(from: PackReader): number {
  return from.u32();
}
