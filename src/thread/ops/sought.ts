/**
 * SOUGHT: a subscription that is open was moved: it goes on after `sequence`, whatever it was sent before.
 * Not answered; it starts a round, see deliver.ts.
 */
import type { PackReader } from '../packing/pack-reader.js';
import type { PackWriter } from '../packing/pack-writer.js';
import { OP_SOUGHT } from './opcodes.js';

export interface SoughtOp {
  subscription: number;
  topicNo: number;
  sequence: number;
}

export function packSought(to: PackWriter, op: SoughtOp): void {
  to.begin(OP_SOUGHT, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.f64(op.sequence);
}

export function readSought(from: PackReader): SoughtOp {
  return { subscription: from.u32(), topicNo: from.u32(), sequence: from.count() };
}
