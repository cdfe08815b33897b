/**
 * The way to other nodes without Redis, of one worker: POST /internal/forward to those that live, each for
 * itself, so that one that is slow holds up no other. Where nobody listens is known by the answers, and by
 * greetings of those who begin to.
 */
import type { Clock } from '../core/clock.js';
import type { Peer } from '../core/peer.js';
import type { PemFiles } from '../thread/control.js';
import type { ForwardSender } from './forward-body.js';
import { ForwardPeer, type ForwardPeerOptions } from './forward-peer.js';

/** By then the others have seen this node in the table; until then they would refuse it. */
const KNOWN_MS = 1_000;
/** Channels in one message. */
const GREETED_MAX = 1_000;
/** More than such a message has. */
const GREETING_BYTES_MAX = 128 * 1024;

export interface ForwardWayOptions extends Pick<ForwardPeerOptions, 'onTrouble' | 'onWell'> {
  sender: ForwardSender;
  secret: string;
  tls: PemFiles | null;
  clock: Pick<Clock, 'monotonic' | 'random'>;
  /** For each of them. */
  queueBytesMax: number;
  /** From now on this worker listens to these, and no longer to those. */
  onChannels: (more: readonly string[], less: readonly string[]) => void;
}

export class ForwardWay {
  readonly #options: ForwardWayOptions;
  readonly #greetings: string;
  #state: 'new' | 'open' | 'closed' = 'new';
  #openedAtMs = 0;
  /** By their boot ids. */
  readonly #peers = new Map<string, { url: string; way: ForwardPeer }>();
  /** Since the last turn. */
  readonly #changed = new Map<string, 'more' | 'less'>();
  #taken = 0;
  #dropped = 0;
  #unheard = 0;

  constructor(options: ForwardWayOptions) {
    this.#options = options;
    this.#greetings = `${options.sender.cluster}:greetings`;
  }

  get figures(): { forwarded: number; unforwarded: number; unheard: number; queueBytes: number } {
    let queueBytes = 0;
    for (const { way } of this.#peers.values()) queueBytes += way.queueBytes;
    const counts = { forwarded: this.#taken, unforwarded: this.#dropped, unheard: this.#unheard };
    return { ...counts, queueBytes };
  }

  start(): void {
    this.#state = 'open';
    this.#openedAtMs = this.#options.clock.monotonic();
    this.listen(this.#greetings);
  }

  stop(): void {
    this.#state = 'closed';
    for (const { way } of this.#peers.values()) way.close();
    this.#peers.clear();
  }

  /** The nodes that live. */
  place(living: readonly Peer[]): void {
    if (this.#state === 'closed') return;
    const others = living.filter((peer) => peer.bootId !== this.#options.sender.bootId);
    for (const [bootId, { url, way }] of this.#peers) {
      if (others.some((peer) => peer.bootId === bootId && peer.forwardUrl === url)) continue;
      this.#peers.delete(bootId);
      way.close();
    }
    for (const peer of others) {
      const { bootId, forwardUrl: url } = peer;
      if (url !== null && !this.#peers.has(bootId)) this.#add(url, peer);
    }
  }

  listen(channel: string): void {
    this.#change(channel, 'more');
  }

  ignore(channel: string): void {
    this.#change(channel, 'less');
  }

  /** To all: from now on these are listened to here. */
  greet(channels: readonly string[]): void {
    for (let from = 0; from < channels.length; from += GREETED_MAX) {
      const message = Buffer.from(channels.slice(from, from + GREETED_MAX).join('\n'));
      this.#sendAll(this.#greetings, message);
    }
  }

  /** Whether it was a greeting; then whoever has begun to listen is sent to again. */
  greeted(channel: string, message: Uint8Array): boolean {
    if (channel !== this.#greetings) return false;
    if (message.length > GREETING_BYTES_MAX) return true;
    const channels = Buffer.from(message).toString('utf8').split('\n');
    for (const { way } of this.#peers.values()) for (const one of channels) way.heard(one);
    return true;
  }

  /** It was not used for a while: who listens where is to be found out. */
  forget(): void {
    for (const { way } of this.#peers.values()) way.heard(null);
  }

  /** What is worth sending there: nothing, which is counted; where the messages are; or the messages. */
  wants(channel: string): 'nothing' | 'place' | 'messages' {
    let most: 'nothing' | 'place' | 'messages' = 'nothing';
    if (this.#isKnown) {
      for (const { way } of this.#peers.values()) {
        const wanted = way.wants(channel);
        if (wanted === 'messages') return 'messages';
        if (wanted === 'place') most = 'place';
      }
    }
    if (most === 'nothing') this.#unheard++;
    return most;
  }

  /** At the end of the turn, to all that may listen there. False: to nobody. */
  send(channel: string, message: Buffer): boolean {
    return this.#sendAll(channel, message);
  }

  /** To that node alone. */
  sendTo(bootId: string, channel: string, message: Buffer): boolean {
    const peer = this.#isKnown ? this.#peers.get(bootId) : undefined;
    return peer?.way.send(channel, message) ?? false;
  }

  reaches(bootId: string): boolean {
    return this.#peers.has(bootId);
  }

  get #isKnown(): boolean {
    const { clock } = this.#options;
    return this.#state === 'open' && clock.monotonic() - this.#openedAtMs >= KNOWN_MS;
  }

  #sendAll(channel: string, message: Buffer): boolean {
    if (!this.#isKnown) return false;
    let isSent = false;
    for (const { way } of this.#peers.values()) {
      if (way.wants(channel) === 'nothing') continue;
      isSent = way.send(channel, message) || isSent;
    }
    return isSent;
  }

  #add(url: string, peer: Peer): void {
    const way = new ForwardPeer(url, {
      ...{ ...this.#options, peer },
      onTaken: (messages) => {
        this.#taken += messages;
      },
      onDropped: (messages) => {
        this.#dropped += messages;
      },
    });
    this.#peers.set(peer.bootId, { url, way });
  }

  #change(channel: string, how: 'more' | 'less'): void {
    if (this.#changed.size === 0) setImmediate(() => this.#tellChanges());
    this.#changed.set(channel, how);
  }

  #tellChanges(): void {
    const changed = [...this.#changed];
    this.#changed.clear();
    const of = (wanted: string): string[] =>
      changed.flatMap(([channel, how]) => (how === wanted ? [channel] : []));
    this.#options.onChannels(of('more'), of('less'));
  }
}
