/**
 * A page of the log as one ArrayBuffer, so that it changes threads by transfer: nothing is cloned,
 * and the reader's payloads and ids are views of the one buffer.
 */
import { packRows, unpackRows } from '../../thread/packing/packed-rows.js';
import type { LogPage } from './message-log.js';

/** first sequence f64, last sequence f64. */
const HEAD_BYTES = 16;

export function packPage(page: LogPage): ArrayBuffer {
  const packed = packRows(page.rows, HEAD_BYTES);
  const view = new DataView(packed);
  view.setFloat64(0, page.firstSequence);
  view.setFloat64(8, page.lastSequence);
  return packed;
}

/** Keeps `packed`: the rows are views of it. */
export function unpackPage(packed: ArrayBuffer): LogPage {
  const view = new DataView(packed);
  return {
    rows: unpackRows(packed, HEAD_BYTES),
    firstSequence: view.getFloat64(0),
    lastSequence: view.getFloat64(8),
  };
}
