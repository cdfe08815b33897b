/**
 * Mail between workers of two nodes: bytes that mean nothing here, on a channel of each worker's own. It is
 * sent at the end of the turn, by whichever way to other nodes is open, never waited for and never sent
 * again: it may be lost, and whoever cares numbers it.
 */
import { ENVELOPE_BYTES_MAX } from './envelopes.js';
import type { Ways } from './ways.js';

/** No more in one piece. */
export const MAIL_BYTES_MAX = ENVELOPE_BYTES_MAX;

/** A worker in one life of its node: the next one has another address. */
export interface MailAddress {
  /** Of the node. */
  bootId: string;
  /** Its number there. */
  worker: number;
}

/** What carries it. */
export type MailWay = Pick<Ways, 'listen' | 'sendTo'>;

export class Mailbox {
  readonly #cluster: string;
  readonly #own: string;
  #way: MailWay | null = null;
  /**
   * What came for this worker, from anybody who may publish there. Set once, by whoever reads it; the bytes
   * are its own.
   */
  onMail: (bytes: Uint8Array) => void = () => undefined;

  constructor(cluster: string, own: MailAddress) {
    this.#cluster = cluster;
    this.#own = this.#channelOf(own);
  }

  /** From now on it is sent and heard by that. */
  open(way: MailWay): void {
    this.#way = way;
    way.listen(this.#own);
  }

  /** False: it was dropped, and counted: nothing is open, or too much is under way. */
  send(to: MailAddress, bytes: Buffer): boolean {
    if (bytes.length > MAIL_BYTES_MAX) throw new RangeError(`mail of ${bytes.length} bytes`);
    return this.#way?.sendTo(to.bootId, this.#channelOf(to), bytes) ?? false;
  }

  /** Whether what came on that channel was mail, which is read by that. */
  came(channel: string, bytes: Uint8Array): boolean {
    if (channel !== this.#own) return false;
    this.onMail(bytes);
    return true;
  }

  #channelOf({ bootId, worker }: MailAddress): string {
    return `${this.#cluster}:mail:${bootId}:${worker}`;
  }
}
