/**
 * One WebSocket connection: its socket, its subscriptions, and the frames that wait to be sent at the end
 * of the turn. `message` frames go to the socket at once; all others are joined into few messages.
 */
import type { WebSocket } from 'uWebSockets.js';
import { CLOSE, type CloseReason } from '../core/errors.js';
import type { AcceptorLinkEnd } from '../thread/link.js';
import { encodeFrame, FRAME_SEPARATOR } from '../wire/server-frame.js';
import type { Group } from './group.js';
import { sequenceOf, splitFrames } from './publish-log.js';
import {
  KIND_MSGPACK,
  KIND_SEED,
  type Kind,
  type Receiver,
  type ReceiverSubscription,
  TAKEN,
} from './receiver.js';

/** uWS gives every socket a user data object: here it only points to the session. */
export interface SocketData {
  session: Session | null;
  kind: Kind;
}

/** Who keeps the sessions. */
export interface SessionKeeper {
  /** Bytes that may wait for one socket. */
  readonly sendBufferBytesMax: number;
  /** Frames wait: `flush` is to be called at the end of the turn. */
  frameWaits(session: Session): void;
  /** Its socket takes no more. */
  lags(session: Session): void;
}

/** Subscribes of one key, sent to the worker and not answered yet. */
interface Subscribing {
  readonly number: number;
  count: number;
}

const SEND_DROPPED = 2;
const NO_LINKS: readonly AcceptorLinkEnd[] = [];
const SEPARATOR = String.fromCharCode(FRAME_SEPARATOR);

export class Session implements Receiver {
  readonly number: number;
  readonly kind: Kind;
  readonly subscriptions = new Map<string, ReceiverSubscription>();
  links: readonly AcceptorLinkEnd[] = NO_LINKS;
  badFrames = 0;
  /** Monotonic ms since when its socket takes nothing; 0: it does. */
  laggingSinceMs = 0;
  state: 'open' | 'closing' | 'closed' = 'open';
  /** Subscribes under way, by key; null: there are none. An idle session is kept small. */
  #subscribing: Map<string, Subscribing> | null = null;
  readonly #ws: WebSocket<SocketData>;
  readonly #keeper: SessionKeeper;
  #pending: (string | Uint8Array)[] = [];
  #pendingBytes = 0;

  constructor(number: number, kind: Kind, ws: WebSocket<SocketData>, keeper: SessionKeeper) {
    this.number = number;
    this.kind = kind;
    this.#ws = ws;
    this.#keeper = keeper;
  }

  /** Whether it has as many as `count`, with those under way. */
  hasSubscriptions(count: number): boolean {
    const { subscriptions } = this;
    let missing = count - subscriptions.size;
    if (missing > (this.#subscribing?.size ?? 0)) return false;
    // What is subscribed to again counts once.
    for (const key of this.#subscribing?.keys() ?? []) if (!subscriptions.has(key)) missing--;
    return missing <= 0;
  }

  /** The number of the subscription it has, or has asked for, by this key. */
  subscriptionNumber(key: string): number | undefined {
    return this.subscriptions.get(key)?.number ?? this.#subscribing?.get(key)?.number;
  }

  subscribeSent(key: string, number: number): void {
    this.#subscribing ??= new Map();
    const underWay = this.#subscribing.get(key);
    if (underWay === undefined) this.#subscribing.set(key, { number, count: 1 });
    else underWay.count++;
  }

  subscribeAnswered(key: string): void {
    const underWay = this.#subscribing?.get(key);
    if (underWay === undefined) return;
    underWay.count--;
    if (underWay.count > 0) return;
    this.#subscribing?.delete(key);
    if (this.#subscribing?.size === 0) this.#subscribing = null;
  }

  get hasRoom(): boolean {
    return (
      this.state === 'open' && this.#ws.getBufferedAmount() * 2 <= this.#keeper.sendBufferBytesMax
    );
  }

  get isGone(): boolean {
    return this.state === 'closed';
  }

  get isEmpty(): boolean {
    return this.state !== 'open' || this.#ws.getBufferedAmount() === 0;
  }

  joinGroup(group: Group): void {
    if (this.state !== 'open') return;
    this.flush();
    this.#ws.subscribe(group.nameOf(this.kind));
  }

  leaveGroup(group: Group): void {
    if (this.state !== 'closed') this.#ws.unsubscribe(group.nameOf(this.kind));
  }

  sendPage(frames: Uint8Array, _subscription: ReceiverSubscription): number {
    if (this.state !== 'open') return TAKEN;
    this.flush();
    if (this.#ws.getBufferedAmount() > this.#keeper.sendBufferBytesMax) return 0;
    if (this.kind === KIND_SEED) {
      const split = splitFrames(frames);
      const refused = split[this.#sendOneByOne(split)];
      return refused === undefined ? TAKEN : sequenceOf(refused) - 1;
    }
    return this.#ws.send(frames, this.kind === KIND_MSGPACK) === SEND_DROPPED ? 0 : TAKEN;
  }

  giveMessages(frames: Uint8Array, _subscription: ReceiverSubscription): number {
    if (this.state !== 'open') return Number.POSITIVE_INFINITY;
    this.flush();
    if (this.#ws.getBufferedAmount() > this.#keeper.sendBufferBytesMax) return 0;
    if (this.kind === KIND_SEED) return this.#sendOneByOne(splitFrames(frames));
    const sent = this.#ws.send(frames, this.kind === KIND_MSGPACK) !== SEND_DROPPED;
    return sent ? Number.POSITIVE_INFINITY : 0;
  }

  /** Index of the first that was refused; past the last: none. */
  #sendOneByOne(frames: readonly Uint8Array[]): number {
    let refused = frames.length;
    this.#ws.cork(() => {
      const at = frames.findIndex((frame) => this.#ws.send(frame, false) === SEND_DROPPED);
      if (at >= 0) refused = at;
    });
    return refused;
  }

  sendFrame(frame: Record<string, unknown>): void {
    this.sendEncoded(encodeFrame(this.kind === KIND_MSGPACK ? 1 : 0, frame));
  }

  /** A frame in this session's encoding; it goes out at the end of the turn. */
  sendEncoded(frame: string | Uint8Array): void {
    if (this.state !== 'open') return;
    if (this.#pending.length === 0) this.#keeper.frameWaits(this);
    this.#pending.push(frame);
    this.#pendingBytes += frame.length;
    if (this.#pendingBytes > this.#keeper.sendBufferBytesMax) this.flush();
  }

  /** Sends what waits; what a full socket does not take waits for its drain, within the bound. */
  flush(): void {
    if (this.#pending.length === 0 || this.state !== 'open') return;
    if (this.#ws.getBufferedAmount() > this.#keeper.sendBufferBytesMax) {
      if (this.#pendingBytes > this.#keeper.sendBufferBytesMax) this.end(CLOSE.slow);
      else this.lagging();
      return;
    }
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#ws.cork(() => this.#sendAll(pending));
  }

  ping(): void {
    if (this.state === 'open') this.#ws.ping();
  }

  lagging(): void {
    this.#keeper.lags(this);
  }

  topicDeleted(): void {
    if (!this.hasSubscriptions(1)) this.end(CLOSE.topicDeleted);
  }

  /** Tells the client why, then closes. */
  end(reason: CloseReason, retryAfterMs?: number): void {
    if (this.state !== 'open') return;
    const { closeCode: code, reason: text, reconnect } = reason;
    this.sendFrame({
      type: 'disconnect',
      code,
      reason: text,
      reconnect,
      retry_after_ms: retryAfterMs,
    });
    this.#ws.cork(() => {
      this.#sendAll(this.#pending);
      this.#pending = [];
    });
    this.state = 'closing';
    this.#ws.end(code, text);
  }

  /** Closes without a word: a socket that did not take the close frame either. */
  terminate(): void {
    if (this.state !== 'closed') this.#ws.close();
  }

  #sendAll(frames: readonly (string | Uint8Array)[]): void {
    if (this.kind === KIND_SEED) for (const frame of frames) this.#ws.send(frame, false);
    else if (this.kind === KIND_MSGPACK) this.#ws.send(Buffer.concat(frames as Uint8Array[]), true);
    else this.#ws.send(frames.join(SEPARATOR), false);
  }
}
