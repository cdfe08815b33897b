/** A control request and its answer: CALL and REPLY. */
import type { PackReader } from '../packing/pack-reader.js';
import type { PackWriter } from '../packing/pack-writer.js';
import { OP_CALL, OP_REPLY } from './opcodes.js';

// ---- CALL: a control request (topics, position, browse, stats); answered by REPLY ----
export interface CallOp {
  request: number;
  method: string;
  /** JSON text of the arguments. */
  args: string;
}

export function packCall(to: PackWriter, op: CallOp): void {
  to.begin(OP_CALL, 3 * (op.method.length + op.args.length));
  to.u32(op.request);
  to.text(op.method);
  to.longText(op.args);
}

export function readCall(from: PackReader): CallOp {
  return { request: from.u32(), method: from.text(), args: from.longText() };
}

// ---- REPLY: the answer to a CALL that succeeded ----
export interface ReplyOp {
  request: number;
  /** JSON text of the result. */
  result: string;
  /** Bytes beside it that are to be sent as they are; may be empty. */
  body: Uint8Array;
}

export function packReply(to: PackWriter, op: ReplyOp): void {
  to.begin(OP_REPLY, 3 * op.result.length + op.body.length);
  to.u32(op.request);
  to.longText(op.result);
  to.blob(op.body);
}

export function readReply(from: PackReader): ReplyOp {
  return { request: from.u32(), result: from.longText(), body: from.blob() };
}
