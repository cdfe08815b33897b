/** One msgpack map of the product's own making: finds its known fields and skips the others. */
import type { FieldSpans } from './field-spans.js';
import {
  headerBytes,
  KIND_MAP,
  KIND_STR,
  kindOf,
  lengthOf,
  MsgpackScanner,
  msgpackError,
} from './msgpack-scan.js';

/** Whether a map begins at `from`. */
export function isMap(bytes: Uint8Array, from: number, end: number): boolean {
  return from < end && kindOf(bytes[from] ?? 0) === KIND_MAP;
}

/** Pairs of the map at `from`. Throws RequestError invalid_msgpack if they cannot all be there. */
export function openMap(bytes: Uint8Array, from: number, end: number): number {
  const body = from + headerBytes(bytes[from] ?? 0);
  const pairs = body > end ? 0 : lengthOf(bytes, from);
  if (body > end || pairs * 2 > end - body) throw msgpackError(bytes, end, end);
  return pairs;
}

/** Scans maps of which it is to find some fields, too. */
export class MapScanner extends MsgpackScanner {
  /**
   * Scans the map that begins at `from` and notes in `spans`, cleared first, where each field of a known
   * name has its value. Gives one past the map. A value may nest to `depthMax`, the map itself not
   * counted. Throws and leaves faults as `scan` does.
   */
  scanMap(
    bytes: Uint8Array,
    from: number,
    end: number,
    depthMax: number,
    spans: FieldSpans,
  ): number {
    spans.clear();
    let left = openMap(bytes, from, end);
    let at = from + headerBytes(bytes[from] ?? 0);
    for (; left > 0; left--) {
      const nameEnd = this.scan(bytes, at, end, depthMax);
      const place = placeOf(bytes, at, nameEnd, spans);
      const valueEnd = this.scan(bytes, nameEnd, end, depthMax);
      if (place >= 0) spans.set(place, nameEnd, valueEnd);
      at = valueEnd;
    }
    return at;
  }
}

/** Place of the name that is the value `[from, to)`; -1: not a known one, or not a str. */
export function placeOf(bytes: Uint8Array, from: number, to: number, spans: FieldSpans): number {
  const byte = bytes[from] ?? 0;
  if (kindOf(byte) !== KIND_STR) return -1;
  return spans.names.find(bytes, from + headerBytes(byte), to);
}
