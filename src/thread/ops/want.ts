/**
 * Messages that a session asks for: how many more it takes, WANT, and that there are none for it now, DRY.
 * For sessions whose SUBSCRIBE says `wanted`; they are given messages one by one (give.ts), and no more.
 */
import type { PackReader } from '../packing/pack-reader.js';
import type { PackWriter } from '../packing/pack-writer.js';
import { OP_DRY, OP_WANT } from './opcodes.js';

// ---- WANT: so many more; below 0: so many less, and what is on its way all the same is refused (GIVEN).
//      Both ends count alike: a GIVE takes off its messages, and what GIVEN refuses is added again ----
export interface WantOp {
  subscription: number;
  topicNo: number;
  /** An integer. */
  messages: number;
}

export function packWant(to: PackWriter, op: WantOp): void {
  to.begin(OP_WANT, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.f64(op.messages);
}

export function readWant(from: PackReader): WantOp {
  const op = { subscription: from.u32(), topicNo: from.u32(), messages: from.f64() };
  if (Number.isSafeInteger(op.messages)) return op;
  throw new RangeError(`${op.messages} is no number of messages`);
}

// ---- DRY: nothing more can be given to it now. Once after a SUBSCRIBE, WANT or GIVE that leaves something
//      to be wanted ----
export interface DryOp {
  subscription: number;
  topicNo: number;
}

export function packDry(to: PackWriter, op: DryOp): void {
  to.begin(OP_DRY, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
}

export function readDry(from: PackReader): DryOp {
  return { subscription: from.u32(), topicNo: from.u32() };
}
