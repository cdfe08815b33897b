/**
 * The rules of a link between two workers of two nodes, over a way that loses, doubles and reorders what it
 * is given: either all that was written comes, once and in order, or both ends know that it did not. Then the
 * link is reset, and whoever uses it begins anew. Knows no time, bytes' meaning or transport. Pure.
 *
 * Each end has an incarnation, another number at each beginning, higher than those before. Both are up once
 * each has heard the other name its own; from then on envelopes are numbered from 1 in each direction, those
 * without operations too, which say twice a beat that this end is there. What is of an incarnation before, or
 * was read already, is stale: it says nothing, whoever sends it again. A number beyond the next, a higher
 * incarnation of the other, or silence is a reset.
 */

/** What stands in each envelope beside the addresses. */
export interface LinkHeader {
  /** Incarnation of the sender; above 0. */
  mine: number;
  /** Of the receiver, as the sender knows it; 0: not at all. */
  yours: number;
  /** From 1 on; 0: only says which incarnations there are. */
  number: number;
  /** The last number that the sender has read, of `yours`. */
  heard: number;
  /** The sender has something to do with the receiver. */
  isWanted: boolean;
  /** What it holds goes on in the next one. */
  isPart: boolean;
}

/** Why a link begins anew; `left`: the other end did. */
export const RESET_CAUSES = ['gap', 'left', 'silence', 'overrun', 'unread'] as const;
export type ResetCause = (typeof RESET_CAUSES)[number];

export interface PeerLinkOptions {
  /** Of bytes under way at which `hasCredit` ends; at twice as many the link is reset. */
  creditBytes: number;
  /** Of one envelope; what is longer is several. */
  partBytesMax: number;
  /** Of what the other end wrote, whole: at more the link is reset. */
  wholeBytesMax: number;
  /** Higher than all that it has given. */
  incarnation: () => number;
  /** Sends it, or loses it. */
  send: (header: LinkHeader, part: Uint8Array) => void;
  /** What the other end wrote, whole. */
  onRead: (bytes: Uint8Array) => void;
  /** It may be written to. */
  onUp: () => void;
  /** It may not, until it is up again; nothing of what was written since it was up is known to have come. */
  onReset: (cause: ResetCause) => void;
  /** There is credit again. */
  onCredit: () => void;
}

/** Beats without a word of the other end until it is taken for gone: 1 s (see BEAT_MS). */
const SILENT_BEATS_MAX = 4;
/** The same until its first word in this life of the link, which on a slow way comes late. */
const FIRST_BEATS_MAX = 12;
/** From one call of `beat` to the next, ms. */
export const BEAT_MS = 250;

const NOTHING = new Uint8Array();

export class PeerLink {
  readonly #options: PeerLinkOptions;
  /** idle: nobody wants it; opening: the other end has not named this incarnation yet. */
  #state: 'idle' | 'opening' | 'up' = 'idle';
  #isWanted = false;
  #isWantedThere = false;
  #mine = 0;
  #yours = 0;
  /** Of the last that was sent. */
  #sent = 0;
  /** Of the last that was read. */
  #heard = 0;
  #silentBeats = 0;
  /** Bytes of each that was sent and is not known to have been read, the oldest first. */
  #underWay: number[] = [];
  #underWayBytes = 0;
  #parts: Uint8Array[] = [];
  #partsBytes = 0;

  constructor(options: PeerLinkOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#state === 'up';
  }

  get hasCredit(): boolean {
    return this.isUp && this.#underWayBytes < this.#options.creditBytes;
  }

  /** This end has something to do with the other, from now on. */
  want(): void {
    this.#isWanted = true;
    if (this.#state === 'idle') this.#begin();
  }

  /** And nothing any more: it goes idle once the other has nothing either. */
  unwant(): void {
    this.#isWanted = false;
  }

  /** Only while it is up. */
  write(bytes: Uint8Array): void {
    const { partBytesMax, creditBytes } = this.#options;
    for (let at = 0; at < bytes.length; at += partBytesMax) {
      const isPart = at + partBytesMax < bytes.length;
      this.#send(bytes.subarray(at, at + partBytesMax), isPart);
    }
    if (this.#underWayBytes > 2 * creditBytes + bytes.length) this.reset('overrun');
  }

  /**
   * An envelope came that the other node made, for this worker in this life of its node. `stale`: it was read
   * already, or is of an incarnation before.
   */
  read(header: LinkHeader, part: Uint8Array): 'heard' | 'stale' {
    if (header.mine < this.#yours) return 'stale';
    if (this.#state === 'up' && header.mine > this.#yours) this.reset('left');
    // Once more: it would make this end believe that the other is there.
    if (this.#state === 'up' && header.number <= this.#heard) {
      return header.number === 0 ? 'heard' : 'stale';
    }
    if (this.#state === 'idle') this.#mine = this.#options.incarnation();
    if (this.#state !== 'up') this.#meet(header);
    if (this.#state === 'up' && header.yours === this.#mine) this.#hear(header, part);
    return 'heard';
  }

  #hear(header: LinkHeader, part: Uint8Array): void {
    if (header.heard > this.#sent) {
      // It speaks of what was never said: nothing that it says can be believed.
      this.reset('unread');
      return;
    }
    this.#silentBeats = 0;
    this.#isWantedThere = header.isWanted;
    this.#confirm(header.heard);
    if (header.number > 0) this.#take(header, part);
  }

  /** To be called every BEAT_MS. */
  beat(): void {
    if (this.#state === 'idle') return;
    this.#silentBeats++;
    const isFirst = this.#state === 'up' && this.#heard === 0;
    const isSilent = this.#silentBeats > (isFirst ? FIRST_BEATS_MAX : SILENT_BEATS_MAX);
    if (this.#state === 'up') {
      if (isSilent) this.reset('silence');
      else if (!this.#isWanted && !this.#isWantedThere) this.#end();
      else this.#send(NOTHING, false);
    } else if (isSilent && !this.#isWanted) this.#end();
    else this.#greet();
  }

  /** What was written may not have come: both ends begin anew. */
  reset(cause: ResetCause): void {
    if (this.#state !== 'up') return;
    this.#state = 'opening';
    this.#begin();
    this.#options.onReset(cause);
  }

  /** The other node is gone, or this one has left it: nothing is waited for any more. */
  close(): void {
    const wasUp = this.isUp;
    this.#isWanted = false;
    this.#end();
    if (wasUp) this.#options.onReset('left');
  }

  #begin(): void {
    this.#state = 'opening';
    this.#mine = this.#options.incarnation();
    this.#forget();
    this.#greet();
  }

  #end(): void {
    this.#state = 'idle';
    this.#mine = 0;
    this.#isWantedThere = false;
    this.#forget();
  }

  #forget(): void {
    this.#sent = 0;
    this.#heard = 0;
    this.#silentBeats = 0;
    this.#underWay = [];
    this.#underWayBytes = 0;
    this.#parts = [];
    this.#partsBytes = 0;
  }

  #meet({ mine, yours }: LinkHeader): void {
    this.#state = 'opening';
    this.#yours = mine;
    this.#silentBeats = 0;
    if (yours !== this.#mine) {
      this.#greet();
      return;
    }
    this.#state = 'up';
    this.#greet();
    this.#options.onUp();
  }

  #take({ number, isPart }: LinkHeader, part: Uint8Array): void {
    if (number !== this.#heard + 1) {
      this.reset('gap');
      return;
    }
    this.#heard = number;
    this.#partsBytes += part.length;
    if (this.#partsBytes > this.#options.wholeBytesMax) {
      this.reset('overrun');
      return;
    }
    if (part.length > 0) this.#parts.push(part);
    if (isPart || this.#parts.length === 0) return;
    const [only = NOTHING] = this.#parts;
    const whole = this.#parts.length === 1 ? only : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#partsBytes = 0;
    this.#options.onRead(whole);
  }

  /** Those up to `heard` are not under way any more. */
  #confirm(heard: number): void {
    const first = this.#sent - this.#underWay.length + 1;
    const had = this.hasCredit;
    for (const bytes of this.#underWay.splice(0, Math.max(0, heard - first + 1))) {
      this.#underWayBytes -= bytes;
    }
    if (!had && this.hasCredit) this.#options.onCredit();
  }

  #send(part: Uint8Array, isPart: boolean): void {
    this.#sent++;
    this.#underWay.push(part.length);
    this.#underWayBytes += part.length;
    this.#options.send(this.#header(this.#sent, isPart), part);
  }

  #greet(): void {
    this.#options.send(this.#header(0, false), NOTHING);
  }

  #header(number: number, isPart: boolean): LinkHeader {
    const [mine, yours, heard] = [this.#mine, this.#yours, this.#heard];
    return { mine, yours, number, heard, isWanted: this.#isWanted, isPart };
  }
}
