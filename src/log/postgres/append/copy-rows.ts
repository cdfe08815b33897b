/** Rows of conduit.messages as COPY takes them in binary: PostgreSQL's own encoding, no text to escape. */
import type { Publication } from '../../../core/message.js';

export const COPY_SQL = `COPY conduit.messages (topic_id, sequence, message_id, published_at,
  expires_at, key, headers, content_type, payload, bytes_to) FROM STDIN (FORMAT binary)`;

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const FIELDS = 10;
const NULL_LENGTH = 0xffffffff;
/** Fixed bytes of a row: the count, the lengths, and the fields of fixed size. */
const ROW_BYTES = 2 + FIELDS * 4 + 8 + 8 + 16 + 8 + 8 + 2 + 8;
/** Unix ms of 2000-01-01, from which PostgreSQL counts. */
const PG_EPOCH_MS = 946_684_800_000;
const TWO_32 = 2 ** 32;

export interface CopyRow {
  readonly messageId: Uint8Array;
  readonly publication: Publication;
}

/** Rows of one topic with consecutive sequences. */
export interface CopyCommit {
  readonly topicId: number;
  readonly firstSequence: number;
  /** Of the topic, before these. */
  readonly bytesBefore: number;
  /** Unix ms. */
  readonly publishedAtMs: number;
  readonly appends: readonly CopyRow[];
}

/** Writes rows of one topic after another; `finish` gives the whole stream. */
export class CopyBuffer {
  readonly #buffer: Buffer;
  readonly #view: DataView;
  #at = SIGNATURE.length;

  /** `bytes`: what the rows will need, by `copyBytes`. */
  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafe(SIGNATURE.length + bytes + 2);
    const { buffer, byteOffset, length } = this.#buffer;
    this.#view = new DataView(buffer, byteOffset, length);
    SIGNATURE.copy(this.#buffer);
  }

  /** Its rows, in order; the last has the bytes of the topic up to it. */
  add(commit: CopyCommit): void {
    const { appends, firstSequence } = commit;
    const last = firstSequence + appends.length - 1;
    let sequence = firstSequence;
    let bytesTo = commit.bytesBefore;
    for (const row of appends) {
      bytesTo += this.#add(commit, sequence, row);
      if (sequence < last) this.#u32(NULL_LENGTH);
      else {
        this.#u32(8);
        this.#int8(bytesTo);
      }
      sequence++;
    }
  }

  /** All but its last field; the bytes that count. */
  #add({ topicId, publishedAtMs }: CopyCommit, sequence: number, row: CopyRow): number {
    const { messageId, publication } = row;
    const { payload, ttlMs } = publication;
    this.#u16(FIELDS);
    this.#u32(8);
    this.#int8(topicId);
    this.#u32(8);
    this.#int8(sequence);
    this.#u32(16);
    this.#buffer.set(messageId, this.#at);
    this.#at += 16;
    this.#u32(8);
    this.#time(publishedAtMs);
    if (ttlMs === 0) this.#u32(NULL_LENGTH);
    else {
      this.#u32(8);
      this.#time(publishedAtMs + ttlMs);
    }
    const textBytes = this.#text(publication.key) + this.#text(publication.headers);
    this.#u32(2);
    this.#u16(publication.contentType);
    this.#u32(payload.length);
    this.#buffer.set(payload, this.#at);
    this.#at += payload.length;
    return payload.length + textBytes;
  }

  finish(): Buffer {
    this.#u16(0xffff);
    return this.#buffer.subarray(0, this.#at);
  }

  #u16(value: number): void {
    this.#view.setUint16(this.#at, value);
    this.#at += 2;
  }

  #u32(value: number): void {
    this.#view.setUint32(this.#at, value);
    this.#at += 4;
  }

  /** Up to 2^53: sequences, ids, microseconds until the year 2255. */
  #int8(value: number): void {
    this.#u32(Math.floor(value / TWO_32));
    this.#u32(value % TWO_32);
  }

  #time(unixMs: number): void {
    this.#int8((unixMs - PG_EPOCH_MS) * 1_000);
  }

  /** Its length in UTF-8. */
  #text(value: string | null): number {
    if (value === null) {
      this.#u32(NULL_LENGTH);
      return 0;
    }
    const length = this.#buffer.write(value, this.#at + 4, 'utf8');
    this.#u32(length);
    this.#at += length;
    return length;
  }
}

/** At most what a row needs. */
export function copyBytes(publication: Publication): number {
  const text = (publication.key?.length ?? 0) + (publication.headers?.length ?? 0);
  return ROW_BYTES + publication.payload.length + text * 3;
}
