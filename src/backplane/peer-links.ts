/**
 * The links of one worker to workers of other nodes that live: one each, made when either end has something
 * to say. What comes of a life of a node that is not known to live, or is not signed, is dropped. Sends
 * without being waited for.
 */
import type { EnvelopeFault } from '../core/backplane-figures.js';
import type { Peer } from '../core/peer.js';
import { BEAT_MS, PeerLink, type ResetCause } from '../core/peer-link.js';
import type { MailAddress } from './mailbox.js';
import type { PeerEnvelopes } from './peer-envelopes.js';

/** What becomes of a link. */
export interface LinkEvents {
  /** It may be written to. */
  onUp: (to: MailAddress) => void;
  /** Nothing of what was written since it was up is known to have come. */
  onReset: (to: MailAddress, cause: ResetCause) => void;
  /** What the other worker wrote at once; the bytes are the receiver's. */
  onRead: (from: MailAddress, bytes: ArrayBuffer) => void;
  /** Deliveries may be written again. */
  onCredit: (to: MailAddress) => void;
}

export interface PeerLinksOptions {
  envelopes: PeerEnvelopes;
  /** Of this life of this node. */
  bootId: string;
  /** Sends it, or loses it. */
  send: (to: MailAddress, bytes: Buffer) => void;
  /** Of bytes under way to one worker. */
  creditBytes: number;
  /** Of one envelope, at most PEER_PART_BYTES_MAX. */
  partBytesMax: number;
  /** Of what comes in several; at more the link begins anew. */
  wholeBytesMax: number;
  /** Microseconds, or whatever grows from one thread of this worker to the next. */
  now: () => number;
  /** Of what came; `garbage`: what a link had cannot be read either, and it begins anew. */
  onDropped: (fault: EnvelopeFault) => void;
}

export class PeerLinks {
  readonly #options: PeerLinksOptions;
  readonly #links = new Map<string, PeerLink>();
  #living = new Map<string, Peer>();
  #events: LinkEvents | null = null;
  #beats: NodeJS.Timeout | null = null;
  #lastIncarnation = 0;
  #resets = 0;

  constructor(options: PeerLinksOptions) {
    this.#options = options;
  }

  /** How often one was reset. */
  get resets(): number {
    return this.#resets;
  }

  start(events: LinkEvents): void {
    this.#events = events;
    this.#beats = setInterval(() => {
      for (const link of this.#links.values()) link.beat();
    }, BEAT_MS);
  }

  stop(): void {
    if (this.#beats !== null) clearInterval(this.#beats);
    this.#beats = null;
    this.#events = null;
  }

  /** The nodes that live: links to others are closed. */
  place(living: readonly Peer[]): void {
    this.#living = new Map(living.map((peer) => [peer.bootId, peer]));
    for (const [key, link] of [...this.#links]) {
      const [bootId = ''] = key.split('/');
      if (this.#living.has(bootId)) continue;
      this.#links.delete(key);
      link.close();
    }
  }

  /** Undefined: it does not live, or is this node. */
  peer(bootId: string): Peer | undefined {
    return bootId === this.#options.bootId ? undefined : this.#living.get(bootId);
  }

  /** Null: its node does not live. */
  to(address: MailAddress): PeerLink | null {
    if (this.peer(address.bootId) === undefined) return null;
    const key = keyOf(address);
    const known = this.#links.get(key);
    if (known !== undefined) return known;
    const link = this.#make(address);
    this.#links.set(key, link);
    return link;
  }

  /** What came to this worker as mail. */
  came(message: Uint8Array): void {
    if (this.#events === null) return;
    const envelope = this.#options.envelopes.read(message);
    if (typeof envelope === 'string') {
      this.#options.onDropped(envelope);
      return;
    }
    const { from, header, part } = envelope;
    const peer = this.peer(from.bootId);
    // Of a life that has ended, or that is not known yet and says it again.
    if (peer === undefined) return;
    if (from.worker >= peer.workers) this.#options.onDropped('garbage');
    else if (this.to(from)?.read(header, part) === 'stale') this.#options.onDropped('stale');
  }

  #make(address: MailAddress): PeerLink {
    const { envelopes, send, creditBytes, partBytesMax, wholeBytesMax } = this.#options;
    return new PeerLink({
      ...{ creditBytes, partBytesMax, wholeBytesMax },
      incarnation: () => this.#incarnation(),
      send: (header, part) => send(address, envelopes.pack(address, header, part)),
      onRead: (bytes) => this.#events?.onRead(address, bufferOf(bytes)),
      onUp: () => this.#events?.onUp(address),
      onReset: (cause) => {
        this.#resets++;
        if (cause === 'unread') this.#options.onDropped('garbage');
        this.#events?.onReset(address, cause);
      },
      onCredit: () => this.#events?.onCredit(address),
    });
  }

  #incarnation(): number {
    this.#lastIncarnation = Math.max(this.#lastIncarnation + 1, this.#options.now());
    return this.#lastIncarnation;
  }
}

export function keyOf({ bootId, worker }: MailAddress): string {
  return `${bootId}/${worker}`;
}

function bufferOf(bytes: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.length);
  new Uint8Array(copy).set(bytes);
  return copy;
}
