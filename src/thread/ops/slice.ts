/**
 * SLICE ends the operations of a slice of what one session sent (acceptor/session/inboxes.ts); it is
 * answered by SLICE_READ once the worker has come to it. Neither has fields: they keep their order.
 */
import type { PackWriter } from '../packing/pack-writer.js';
import { OP_SLICE, OP_SLICE_READ } from './opcodes.js';

export function packSlice(to: PackWriter): void {
  to.begin(OP_SLICE, 0);
}

export function packSliceRead(to: PackWriter): void {
  to.begin(OP_SLICE_READ, 0);
}
