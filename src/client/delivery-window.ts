/**
 * What one subscription was given and has not settled, in the order in which it came, over connections; and
 * what is to be said of it. What comes again although it was settled, or is still here, goes no further.
 * It is bounded by the node's window: whoever sends more than twice that is not a node.
 */
import type { MessageFrame } from '../wire/server-frame-types.js';
import type { VerdictFrame } from './client-frames.js';
import { ConduitMessage, type VerdictTaker } from './conduit-message.js';
import { SettledRanges } from './settled-ranges.js';

export interface WindowOptions {
  topic: string;
  subscription: string | undefined;
  maxInFlight: number;
  /** Ranges of settled sequences that are known again. */
  dedupe: number;
  /** `again`: what comes again while its reader has it, is given again. */
  handed: 'again' | 'once';
  maxDeliver: number;
}

/** When more time is asked for, ms. */
export interface LateRule {
  /** Held for so long. */
  afterMs: number;
  /** And so long after it was asked for. */
  everyMs: number;
  /** Not for what its reader has had for longer. */
  holdMs: number;
}

/** The list of what was given is made shorter when so much of its beginning is done. */
const COMPACT = 1_024;

export class DeliveryWindow<T> {
  readonly #options: WindowOptions;
  readonly #verdicts: VerdictTaker<T>;
  readonly #settled: SettledRanges;
  /** Of this connection, in their order; before `#first` all is settled and said. */
  #given: ConduitMessage<T>[] = [];
  #first = 0;
  /** Of connections before, not settled. */
  #stale: ConduitMessage<T>[] = [];
  /** Sequences that the node was asked to give again. */
  readonly #nacked = new Set<number>();
  /** The last one that came and did not have to be dropped. */
  #highest = 0;
  /** Whether `#highest` is where it begins, be it 0: an empty topic has a place to go on at, too. */
  #isBegun = false;
  /** The highest that came at all, of this log. */
  #top = 0;
  /** As `#top` was when this connection began, until that is reached; 0: it was. */
  #resumingTo = 0;
  /** The node has said that it stored what was settled up to here: none of that comes again by itself. */
  #storedTo = 0;
  #log = 0;
  #connection = 0;
  /** Unread by its reader. */
  #unread: ConduitMessage<T>[] = [];
  #nextUnread = 0;

  constructor(options: WindowOptions, verdicts: VerdictTaker<T>) {
    this.#options = options;
    this.#verdicts = verdicts;
    this.#settled = new SettledRanges(options.dedupe);
  }

  /** Messages that wait for the reader. */
  get unread(): number {
    return this.#unread.length - this.#nextUnread;
  }

  /** More than a node gives. */
  get isOverfull(): boolean {
    return this.unread > 2 * this.#options.maxInFlight;
  }

  /** Given on this connection and not settled. */
  get inFlight(): number {
    let count = 0;
    for (let at = this.#first; at < this.#given.length; at++) {
      if (isOpen(this.#given[at])) count++;
    }
    return count;
  }

  /** The last sequence that came; of a subscription to which nothing came, where its topic ended. */
  get highest(): number {
    return this.#highest;
  }

  /** Nothing came yet, and all from here on will. */
  beginAfter(sequence: number): void {
    if (this.#isBegun || this.#highest > 0) return;
    this.#isBegun = true;
    this.#highest = sequence;
  }

  /** Another log goes on: sequences mean other messages. */
  changeLog(): void {
    this.#log++;
    this.#highest = 0;
    this.#isBegun = false;
    this.#top = 0;
    this.#resumingTo = 0;
    this.#storedTo = 0;
    this.#settled.clear();
    this.#nacked.clear();
    this.#stale = [];
    this.#given = [];
    this.#first = 0;
  }

  /** `true`: it is for the reader. */
  take(frame: MessageFrame, atMs: number): boolean {
    const { sequence, attempt } = frame;
    if (sequence > this.#highest) this.#highest = sequence;
    if (sequence > this.#top) {
      this.#top = sequence;
      this.#resumingTo = 0;
      return this.#isUnread(frame, atMs);
    }
    this.#nacked.delete(sequence);
    if (this.#settled.has(sequence)) {
      // Somebody sought back while this client was away: what follows was asked for, too.
      if (attempt === 1 && sequence <= this.#storedTo) this.#resumingTo = 0;
      if (attempt > 1 || sequence <= this.#resumingTo) {
        this.#push(frame, atMs).standing = 'acked';
        return false;
      }
      // Somebody sought back.
      this.#settled.delete(sequence);
      this.#storedTo = Math.min(this.#storedTo, sequence - 1);
    }
    const held = this.#heldAs(sequence);
    if (held === undefined) return this.#isUnread(frame, atMs);
    const isAgain = this.#options.handed === 'again' && held.standing === 'handed';
    if (held.connection === this.#connection) {
      if (!isAgain) {
        held.attempt = attempt;
        return false;
      }
      held.standing = 'settled';
      return this.#isUnread(frame, atMs);
    }
    held.connection = this.#connection;
    held.attempt = attempt;
    this.#stale.splice(this.#stale.indexOf(held), 1);
    this.#given.push(held);
    return false;
  }

  /** What was acknowledged up to there is stored. */
  stored(sequence: number): void {
    this.#storedTo = Math.max(this.#storedTo, sequence);
  }

  /** All that was there is given. */
  caughtUp(): void {
    this.#resumingTo = 0;
  }

  /** The next one for the reader, who has it from now on. */
  hand(): ConduitMessage<T> | undefined {
    const message = this.#unread[this.#nextUnread];
    if (message === undefined) return undefined;
    this.#nextUnread++;
    if (this.#nextUnread === this.#unread.length) {
      this.#unread = [];
      this.#nextUnread = 0;
    } else if (this.#nextUnread === COMPACT) {
      this.#unread.splice(0, COMPACT);
      this.#nextUnread = 0;
    }
    message.standing = 'handed';
    return message;
  }

  /** False: it was settled before. What is to be said of it comes with `acks`. */
  settle(message: ConduitMessage<T>): boolean {
    if (!isOpen(message)) return false;
    const isHere = this.#isHere(message);
    message.standing = isHere ? 'acked' : 'settled';
    if (message.log === this.#log) this.#settled.add(message.sequence);
    if (!isHere) this.#dropStale(message);
    return true;
  }

  /** Settles all that came before it, too. */
  settleUpTo(message: ConduitMessage<T>): void {
    for (let at = this.#first; at < this.#given.length; at++) {
      const one = this.#given[at];
      if (one === undefined || one.sequence > message.sequence) continue;
      if (one !== message && one.standing === 'handed') this.settle(one);
    }
    this.settle(message);
  }

  /** It is to come again, or never (`reject`); false: nothing is to be said, or it was settled. */
  fail(message: ConduitMessage<T>, how: 'nack' | 'reject'): boolean {
    if (!isOpen(message)) return false;
    const isHere = this.#isHere(message);
    message.standing = 'settled';
    if (!isHere) this.#dropStale(message);
    const comesAgain = how === 'nack' && message.attempt < this.#options.maxDeliver;
    if (comesAgain && message.log === this.#log) this.#nacked.add(message.sequence);
    return isHere;
  }

  /** What is to be acknowledged: all from the beginning in one frame, others one by one. */
  acks(): VerdictFrame[] {
    const { topic, subscription } = this.#options;
    const frames: VerdictFrame[] = [];
    let upTo = 0;
    for (; this.#first < this.#given.length; this.#first++) {
      const message = this.#given[this.#first];
      if (message === undefined || isOpen(message)) break;
      if (message.standing !== 'acked') continue;
      message.standing = 'settled';
      // Cumulatively a message that is to come again would be settled, and what came again is not.
      const { sequence } = message;
      const isPlain = message.attempt === 1 && this.#nacked.size === 0 && sequence > upTo;
      if (isPlain) upTo = sequence;
      else frames.push({ type: 'ack', topic, sequence, subscription });
    }
    if (upTo > 0) {
      frames.push({ type: 'ack', topic, sequence: upTo, cumulative: true, subscription });
    }
    for (let at = this.#first; at < this.#given.length; at++) {
      const message = this.#given[at];
      if (message?.standing !== 'acked') continue;
      message.standing = 'settled';
      frames.push({ type: 'ack', topic, sequence: message.sequence, subscription });
    }
    this.#compact();
    return frames;
  }

  /** Those that are to have more time now. */
  late(nowMs: number, { afterMs, everyMs, holdMs }: LateRule): ConduitMessage<T>[] {
    const late: ConduitMessage<T>[] = [];
    for (let at = this.#first; at < this.#given.length; at++) {
      const message = this.#given[at];
      if (message === undefined || !isOpen(message)) continue;
      if (message.standing === 'handed') {
        if (this.#options.handed === 'again') continue;
        message.handedAtMs ||= nowMs;
        if (nowMs - message.handedAtMs > holdMs) continue;
      }
      if (nowMs - message.heldSinceMs < afterMs) break;
      if (nowMs - message.extendedAtMs < everyMs && message.extendedAtMs > 0) continue;
      message.extendedAtMs = nowMs;
      late.push(message);
    }
    return late;
  }

  /**
   * The connection ended. What waits for the reader stays while it is of a durable subscription and in a
   * window's bounds; the rest comes again. Answers where an ephemeral one is to begin; 0: nowhere yet.
   */
  disconnected(): number {
    const open = [...this.#stale, ...this.#given.slice(this.#first).filter(isOpen)];
    const isDurable = this.#options.subscription !== undefined;
    const unread = this.#unread.slice(this.#nextUnread);
    const kept = isDurable ? unread.slice(0, this.#options.maxInFlight) : [];
    const { maxDeliver } = this.#options;
    // One that its reader forgot would be a beginning for ever: the node gave it up.
    const wanted = open.filter((one) => one.standing === 'unread' || one.attempt < maxDeliver);
    const again = [...this.#nacked, ...wanted.map(({ sequence }) => sequence)];
    const next = again.reduce((low, one) => Math.min(low, one), this.#highest + 1);
    for (const message of unread.slice(kept.length)) message.standing = 'settled';
    this.#unread = kept;
    this.#nextUnread = 0;
    this.#stale = open.filter(isOpen);
    this.#given = [];
    this.#first = 0;
    this.#nacked.clear();
    this.#connection++;
    this.#resumingTo = this.#top;
    if (!this.#isBegun && this.#highest === 0 && again.length === 0) return 0;
    if (!isDurable) this.#highest = next - 1;
    return next;
  }

  /** Nothing of it is read any more; what was acked is still said. */
  leave(): void {
    this.#unread = [];
    this.#nextUnread = 0;
  }

  #isUnread(frame: MessageFrame, atMs: number): true {
    this.#unread.push(this.#push(frame, atMs));
    return true;
  }

  #push(frame: MessageFrame, atMs: number): ConduitMessage<T> {
    const came = { log: this.#log, connection: this.#connection, atMs };
    const message = new ConduitMessage<T>(frame, this.#verdicts, came);
    this.#given.push(message);
    return message;
  }

  /** Whether the node would know what is said of it. */
  #isHere(message: ConduitMessage<T>): boolean {
    return message.connection === this.#connection && message.log === this.#log;
  }

  #heldAs(sequence: number): ConduitMessage<T> | undefined {
    const isIt = (one: ConduitMessage<T>): boolean => one.sequence === sequence && isOpen(one);
    return this.#stale.find(isIt) ?? this.#given.find(isIt);
  }

  #dropStale(message: ConduitMessage<T>): void {
    const at = this.#stale.indexOf(message);
    if (at >= 0) this.#stale.splice(at, 1);
  }

  /** What is never settled would keep all that came after it: the node gave it up long ago. */
  #compact(): void {
    if (this.#first >= COMPACT) {
      this.#given.splice(0, this.#first);
      this.#first = 0;
    }
    const most = 4 * this.#options.maxInFlight + COMPACT;
    if (this.#given.length < 2 * most) return;
    const open = this.#given.filter((one) => isOpen(one) || one.standing === 'acked');
    this.#given = open.slice(-most);
    this.#first = 0;
  }
}

function isOpen(message: { readonly standing: string } | undefined): boolean {
  return message?.standing === 'unread' || message?.standing === 'handed';
}
