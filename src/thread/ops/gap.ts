/**
 * GAP: what a subscription that is open is not going to be given, and in which incarnation of the log it
 * goes on.
 */
import { GAP_REASONS, type GapReason } from '../../core/gap-reason.js';
import type { PackReader } from '../packing/pack-reader.js';
import type { PackWriter } from '../packing/pack-writer.js';
import { OP_GAP } from './opcodes.js';

/** In the place of a reason: there is no gap. */
const NOTHING = 0xff;

/** Sequences that are not given, both ends included. */
export interface Gap {
  from: number;
  to: number;
  reason: GapReason;
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

/** Another incarnation of the log goes on: it starts a round, see deliver.ts. */
export function isFallBack({ gap }: Pick<GapOp, 'gap'>): boolean {
  return gap === null || gap.reason === 'failover';
}

export function packGap(to: PackWriter, op: GapOp): void {
  to.begin(OP_GAP, 3 * op.epoch.length);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.f64(op.sequence);
  to.f64(op.delivered);
  to.text(op.epoch);
  packMissing(to, op.gap);
}

/** 17 bytes at most. */
export function packMissing(to: PackWriter, gap: Gap | null): void {
  to.u8(gap === null ? NOTHING : GAP_REASONS.indexOf(gap.reason));
  if (gap === null) return;
  to.f64(gap.from);
  to.f64(gap.to);
}

export function readMissing(from: PackReader): Gap | null {
  const number = from.u8();
  if (number === NOTHING) return null;
  const reason = GAP_REASONS[number];
  if (reason === undefined) throw new RangeError(`no reason of a gap has the number ${number}`);
  return { from: from.count(), to: from.count(), reason };
}

export function readGap(from: PackReader): GapOp {
  const subscription = from.u32();
  const topicNo = from.u32();
  const sequence = from.count();
  const delivered = from.count();
  const epoch = from.text();
  return { subscription, topicNo, sequence, delivered, epoch, gap: readMissing(from) };
}
