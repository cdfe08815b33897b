/**
 * GAP: what a subscription that is open is not going to be given, and in which incarnation of the log it
 * goes on.
 */
import type { PackReader } from '../packing/pack-reader.js';
import type { PackWriter } from '../packing/pack-writer.js';
import { OP_GAP } from './opcodes.js';

/** Sequences that are not given, both ends included. */
export interface Gap {
  from: number;
  to: number;
  /** `retention`, `failover` or `topic_recreated`. */
  reason: string;
}

// ---- GAP: not answered. Frames for the subscription that follow it are of `epoch` ----
export interface GapOp {
  subscription: number;
  topicNo: number;
  /** Head of the topic. */
  sequence: number;
  /** Last sequence that it is not going to be given, since it has it, or cannot have it. */
  delivered: number;
  epoch: string;
  /** null: nothing is missing, and another incarnation of the log goes on where it is. */
  gap: Gap | null;
}

export function packGap(to: PackWriter, op: GapOp): void {
  to.begin(OP_GAP, 3 * (op.epoch.length + (op.gap?.reason.length ?? 0)));
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.f64(op.sequence);
  to.f64(op.delivered);
  to.text(op.epoch);
  to.textOrNull(op.gap?.reason ?? null);
  if (op.gap === null) return;
  to.f64(op.gap.from);
  to.f64(op.gap.to);
}

export function readGap(from: PackReader): GapOp {
  const subscription = from.u32();
  const topicNo = from.u32();
  const sequence = from.f64();
  const delivered = from.f64();
  const epoch = from.text();
  const reason = from.textOrNull();
  const gap = reason === null ? null : { from: from.f64(), to: from.f64(), reason };
  return { subscription, topicNo, sequence, delivered, epoch, gap };
}
