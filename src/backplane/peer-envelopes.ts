/**
 * Envelopes of the link between two workers of two nodes: operations as they are packed for the link between
 * threads, and whom they are of and for; signed. Who holds no INTERNAL_SECRET has no such link.
 *
 *   u8 version, 32 bytes MAC, u8 flags, u8 bytes of the cluster, 16 bytes boot of the sender, u16 its worker,
 *   16 bytes boot of the receiver, u16 its worker, f64 mine, f64 yours, f64 number, f64 heard, cluster; then
 *   operations, or a part of them
 *
 * The MAC is HMAC-SHA256 over all of it with zeros in its place.
 */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { EnvelopeFault } from '../core/backplane-figures.js';
import type { LinkHeader } from '../core/peer-link.js';
import { formatUuid } from '../core/uuid.js';
import { MAIL_BYTES_MAX, type MailAddress } from './mailbox.js';

export const PEER_ENVELOPE_VERSION = 2;
/** Of operations in one envelope; what is longer is several. */
export const PEER_PART_BYTES_MAX = MAIL_BYTES_MAX / 2;

const MAC_AT = 1;
const MAC_BYTES = 32;
const FLAGS_AT = MAC_AT + MAC_BYTES;
const CLUSTER_BYTES_AT = FLAGS_AT + 1;
const FROM_AT = CLUSTER_BYTES_AT + 1;
const ADDRESS_BYTES = 18;
const TO_AT = FROM_AT + ADDRESS_BYTES;
const NUMBERS_AT = TO_AT + ADDRESS_BYTES;
const CLUSTER_AT = NUMBERS_AT + 32;

const WANTED = 1;
const PART = 2;

/** What came: of whom, and what it says. */
export interface PeerEnvelope {
  from: MailAddress;
  header: LinkHeader;
  part: Uint8Array;
}

export class PeerEnvelopes {
  readonly #cluster: Buffer;
  readonly #key: KeyObject;
  readonly #own: MailAddress;

  constructor({ cluster, secret, own }: { cluster: string; secret: string; own: MailAddress }) {
    this.#cluster = Buffer.from(cluster);
    this.#key = createSecretKey(Buffer.from(secret));
    this.#own = own;
  }

  pack(to: MailAddress, header: LinkHeader, part: Uint8Array): Buffer {
    const partAt = CLUSTER_AT + this.#cluster.length;
    const bytes = Buffer.alloc(partAt + part.length);
    bytes.writeUInt8(PEER_ENVELOPE_VERSION, 0);
    bytes.writeUInt8((header.isWanted ? WANTED : 0) | (header.isPart ? PART : 0), FLAGS_AT);
    bytes.writeUInt8(this.#cluster.length, CLUSTER_BYTES_AT);
    writeAddress(bytes, FROM_AT, this.#own);
    writeAddress(bytes, TO_AT, to);
    const { mine, yours, number, heard } = header;
    [mine, yours, number, heard].forEach((value, n) => {
      bytes.writeDoubleBE(value, NUMBERS_AT + 8 * n);
    });
    bytes.set(this.#cluster, CLUSTER_AT);
    bytes.set(part, partAt);
    bytes.set(this.#macOf(bytes), MAC_AT);
    return bytes;
  }

  /** What came for this worker. Its part is a copy. */
  read(message: Uint8Array): PeerEnvelope | EnvelopeFault {
    if (message.length > MAIL_BYTES_MAX) return 'oversized';
    if (message.length < CLUSTER_AT) return 'garbage';
    if (message[0] !== PEER_ENVELOPE_VERSION) return 'version';
    const bytes = Buffer.from(message);
    if (!this.#isSigned(bytes)) return 'mac';
    const partAt = CLUSTER_AT + bytes.readUInt8(CLUSTER_BYTES_AT);
    if (!bytes.subarray(CLUSTER_AT, partAt).equals(this.#cluster)) return 'cluster';
    const to = readAddress(bytes, TO_AT);
    const isOurs = to.bootId === this.#own.bootId && to.worker === this.#own.worker;
    const [mine = 0, yours = 0, number = 0, heard = 0] = [0, 8, 16, 24].map((at) =>
      bytes.readDoubleBE(NUMBERS_AT + at),
    );
    const areNumbers = [mine, yours, number, heard].every(
      (value) => Number.isSafeInteger(value) && value >= 0,
    );
    if (!isOurs || !areNumbers || mine === 0) return 'garbage';
    const flags = bytes.readUInt8(FLAGS_AT);
    const [isWanted, isPart] = [(flags & WANTED) !== 0, (flags & PART) !== 0];
    const header = { mine, yours, number, heard, isWanted, isPart };
    return { from: readAddress(bytes, FROM_AT), header, part: bytes.subarray(partAt) };
  }

  /** Leaves zeros in place of the MAC. */
  #isSigned(bytes: Buffer): boolean {
    const mac = Buffer.from(bytes.subarray(MAC_AT, FLAGS_AT));
    bytes.fill(0, MAC_AT, FLAGS_AT);
    return timingSafeEqual(mac, this.#macOf(bytes));
  }

  /** The place of the MAC holds zeros. */
  #macOf(bytes: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(bytes).digest();
  }
}

function writeAddress(bytes: Buffer, at: number, { bootId, worker }: MailAddress): void {
  bytes.write(bootId.replaceAll('-', ''), at, 16, 'hex');
  bytes.writeUInt16BE(worker, at + 16);
}

function readAddress(bytes: Buffer, at: number): MailAddress {
  return { bootId: formatUuid(bytes.subarray(at, at + 16)), worker: bytes.readUInt16BE(at + 16) };
}
