/**
 * FENCE: by which lease a durable subscription is coordinated here. What was handed over of it before the
 * lease was over may have waited on the link, or at the acceptor, while the process was frozen: the acceptor
 * looks at the lease again when it writes. Not answered; never between nodes.
 */
import type { PackReader } from '../packing/pack-reader.js';
import type { PackWriter } from '../packing/pack-writer.js';
import { OP_FENCE } from './opcodes.js';

/** In the place of a database: another node coordinates it; what that gives is written whenever it comes. */
export const UNFENCED = 255;

export interface FenceOp {
  subscription: number;
  topicNo: number;
  /** Of the database whose lease it is; UNFENCED: none. */
  place: number;
  /** How often that lease had lapsed when this was said: what follows is of no lapse before. */
  lapses: number;
}

export function packFence(to: PackWriter, op: FenceOp): void {
  to.begin(OP_FENCE, 0);
  to.u32(op.subscription);
  to.u32(op.topicNo);
  to.u8(op.place);
  to.f64(op.lapses);
}

export function readFence(from: PackReader): FenceOp {
  return {
    subscription: from.u32(),
    topicNo: from.u32(),
    place: from.u8(),
    lapses: from.f64(),
  };
}
