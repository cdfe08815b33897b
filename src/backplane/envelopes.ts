/**
 * Envelopes: what a node tells the others of one commit of a topic, packed, and signed where the nodes
 * share a secret. An envelope is a hint with payload: whoever cannot read it, or does not believe it, reads
 * the log.
 *
 *   u8 version, 32 bytes MAC (zeros: none), u8 bytes of the epoch, u8 of the cluster, u16 of the origin,
 *   f64 first sequence, f64 last sequence, epoch, cluster, origin; then packed rows, all of them or none
 *
 * The MAC is HMAC-SHA256 over all of it with zeros in its place.
 */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { EnvelopeFault } from '../core/backplane-figures.js';
import { type LogRow, rowBytes } from '../core/message.js';
import { packRows, unpackRows } from '../thread/packing/packed-rows.js';

export const ENVELOPE_VERSION = 1;
/** One that is larger was not made by a node. */
export const ENVELOPE_BYTES_MAX = 1024 * 1024;
/** Of one envelope; a longer commit is several. */
const ROWS_MAX = 1_024;
const ROWS_BYTES_MAX = 512 * 1024;

const MAC_AT = 1;
const MAC_BYTES = 32;
const LENGTHS_AT = MAC_AT + MAC_BYTES;
const SEQUENCES_AT = LENGTHS_AT + 4;
const TEXTS_AT = SEQUENCES_AT + 16;
const NO_MAC = Buffer.alloc(MAC_BYTES);

export interface Envelope {
  /** Of the topic, in the log that it was committed to. */
  epoch: string;
  first: number;
  /** At least `first`. */
  last: number;
  /** `first` to `last`; or none: they are in the log. */
  rows: readonly LogRow[];
}

export interface EnvelopesOptions {
  /** Whoever is of another is none of ours. */
  cluster: string;
  /** Names this run of this worker. */
  origin: string;
  /** INTERNAL_SECRET; null: nothing is signed, and what is signed is not believed. */
  secret: string | null;
}

export class Envelopes {
  readonly #cluster: Buffer;
  readonly #origin: Buffer;
  readonly #key: KeyObject | null;

  constructor({ cluster, origin, secret }: EnvelopesOptions) {
    this.#cluster = Buffer.from(cluster);
    this.#origin = Buffer.from(origin);
    this.#key = secret === null ? null : createSecretKey(Buffer.from(secret));
  }

  /** Of consecutive rows: as many as their bytes need. A row that is too large for one is only named. */
  ofRows(epoch: string, rows: readonly LogRow[]): Buffer[] {
    const envelopes: Buffer[] = [];
    let from = 0;
    while (from < rows.length) {
      const to = envelopeEnd(rows, from);
      const some = rows.slice(from, to);
      const first = some[0]?.sequence ?? 0;
      const isTooLarge = to - from === 1 && !some.every(fitsEnvelope);
      const last = some.at(-1)?.sequence ?? 0;
      envelopes.push(this.#pack({ epoch, first, last, rows: isTooLarge ? [] : some }));
      from = to;
    }
    return envelopes;
  }

  /** Only says where they are. */
  ofRange(epoch: string, first: number, last: number): Buffer {
    return this.#pack({ epoch, first, last, rows: [] });
  }

  /** What came; `own`: this worker sent it. Its rows are views of a copy. */
  read(message: Uint8Array): Envelope | EnvelopeFault | 'own' {
    if (message.length > ENVELOPE_BYTES_MAX) return 'oversized';
    if (message.length <= TEXTS_AT) return 'garbage';
    if (message[0] !== ENVELOPE_VERSION) return 'version';
    const packed = new ArrayBuffer(message.length);
    const bytes = Buffer.from(packed);
    bytes.set(message);
    const clusterAt = TEXTS_AT + bytes.readUInt8(LENGTHS_AT);
    const originAt = clusterAt + bytes.readUInt8(LENGTHS_AT + 1);
    const rowsAt = originAt + bytes.readUInt16BE(LENGTHS_AT + 2);
    if (bytes.subarray(originAt, rowsAt).equals(this.#origin)) return 'own';
    if (!this.#isSigned(bytes)) return 'mac';
    if (!bytes.subarray(clusterAt, originAt).equals(this.#cluster)) return 'cluster';
    const epoch = bytes.toString('latin1', TEXTS_AT, clusterAt);
    const first = bytes.readDoubleBE(SEQUENCES_AT);
    const last = bytes.readDoubleBE(SEQUENCES_AT + 8);
    const rows = readRows(packed, rowsAt);
    if (rows === null || !isRange(first, last) || !isWhole(rows, first, last)) return 'garbage';
    return { epoch, first, last, rows };
  }

  #pack({ epoch, first, last, rows }: Envelope): Buffer {
    const epochBytes = Buffer.from(epoch, 'latin1');
    const clusterAt = TEXTS_AT + epochBytes.length;
    const originAt = clusterAt + this.#cluster.length;
    const bytes = Buffer.from(packRows(rows, originAt + this.#origin.length));
    bytes.writeUInt8(ENVELOPE_VERSION, 0);
    bytes.writeUInt8(epochBytes.length, LENGTHS_AT);
    bytes.writeUInt8(this.#cluster.length, LENGTHS_AT + 1);
    bytes.writeUInt16BE(this.#origin.length, LENGTHS_AT + 2);
    bytes.writeDoubleBE(first, SEQUENCES_AT);
    bytes.writeDoubleBE(last, SEQUENCES_AT + 8);
    bytes.set(epochBytes, TEXTS_AT);
    bytes.set(this.#cluster, clusterAt);
    bytes.set(this.#origin, originAt);
    if (this.#key !== null) bytes.set(macOf(this.#key, bytes), MAC_AT);
    return bytes;
  }

  /** Leaves zeros in place of the MAC. */
  #isSigned(bytes: Buffer): boolean {
    const mac = Buffer.from(bytes.subarray(MAC_AT, LENGTHS_AT));
    bytes.fill(0, MAC_AT, LENGTHS_AT);
    return timingSafeEqual(mac, this.#key === null ? NO_MAC : macOf(this.#key, bytes));
  }
}

/** Its place holds zeros. */
function macOf(key: KeyObject, bytes: Buffer): Buffer {
  return createHmac('sha256', key).update(bytes).digest();
}

/** End (exclusive) of the rows from `from` on that one envelope takes: at least one. */
function envelopeEnd(rows: readonly LogRow[], from: number): number {
  let bytes = 0;
  let to = from;
  while (to < rows.length && to - from < ROWS_MAX) {
    bytes += packedBytes(rows[to]);
    if (bytes > ROWS_BYTES_MAX && to > from) break;
    to++;
  }
  return to;
}

/** No less than it takes packed: a UTF-16 unit has at most 3 bytes. */
function packedBytes(row: LogRow | undefined): number {
  if (row === undefined) return 0;
  const { key, headers } = row;
  return rowBytes(row) + 2 * ((key?.length ?? 0) + (headers?.length ?? 0));
}

/** Else it is only named, and whoever listens reads the log. */
export function fitsEnvelope(row: LogRow): boolean {
  return packedBytes(row) <= ROWS_BYTES_MAX;
}

function readRows(packed: ArrayBuffer, at: number): LogRow[] | null {
  try {
    return unpackRows(packed, at);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function isRange(first: number, last: number): boolean {
  return Number.isSafeInteger(first) && Number.isSafeInteger(last) && first >= 1 && last >= first;
}

/** All of them, or none. */
function isWhole(rows: readonly LogRow[], first: number, last: number): boolean {
  if (rows.length === 0) return true;
  if (rows.length !== last - first + 1) return false;
  return rows.every(({ sequence }, n) => sequence === first + n);
}
