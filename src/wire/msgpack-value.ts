/** Plain objects of our own making as msgpack: control frames and results. Not for payloads. */
import type { ByteWriter } from './byte-writer.js';
import {
  writeArrayHeader,
  writeMapHeader,
  writeNumber,
  writeRef,
  writeStr,
} from './msgpack-write.js';

/**
 * Writes `value` by the rules of JSON.stringify: undefined fields are left out, undefined items and
 * what has no JSON are nil. Integers take their shortest form; the field `ref` is a client's, see
 * writeRef. Recursive: what is written is a few levels deep.
 */
export function writeValue(writer: ByteWriter, value: unknown): void {
  if (typeof value === 'string') writeStr(writer, value);
  else if (typeof value === 'number') writeNumber(writer, value);
  else if (typeof value === 'boolean') writer.byte(value ? 0xc3 : 0xc2);
  else if (Array.isArray(value)) writeList(writer, value);
  else if (typeof value === 'object' && value !== null) writeFields(writer, value);
  else writer.byte(0xc0);
}

function writeList(writer: ByteWriter, list: readonly unknown[]): void {
  writeArrayHeader(writer, list.length);
  for (const item of list) writeValue(writer, item);
}

function writeFields(writer: ByteWriter, fields: object): void {
  const entries = Object.entries(fields);
  let pairs = 0;
  for (const [, value] of entries) if (value !== undefined) pairs++;
  writeMapHeader(writer, pairs);
  for (const [name, value] of entries) {
    if (value === undefined) continue;
    writeStr(writer, name);
    if (name === 'ref' && isRef(value)) writeRef(writer, value);
    else writeValue(writer, value);
  }
}

function isRef(value: unknown): value is string | number | bigint {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint';
}
