/**
 * One WebSocket connection: its socket, its subscriptions, and the frames that wait to be sent at the end
 * of the turn. `message` frames go to the socket at once; all others are joined into few messages. What
 * waits is bounded: a client that does not read its answers is told so, and goes.
 */
import type { WebSocket } from 'uWebSockets.js';
import type { ClientName } from '../../core/client-name.js';
import { CLOSE, type CloseReason, ERRORS, type ErrorCode } from '../../core/errors.js';
import { addressOfBytes } from '../../core/network-address.js';
import type { Principal } from '../../core/principal.js';
import type { AcceptorLinkEnd } from '../../thread/link.js';
import type { FrameForm } from '../../wire/event-of-message.js';
import type { Ref } from '../../wire/frame-types.js';
import { disconnectFrame, errorFrame } from '../../wire/problem.js';
import type { PublishedPlace, PublishMark } from '../../wire/result.js';
import { FRAME_SEPARATOR } from '../../wire/server-frame.js';
import type { ServerFrame } from '../../wire/server-frame-types.js';
import { sequenceOf, splitFrames } from '../delivery/publish-log.js';
import {
  type Receiver,
  type ReceiverEnd,
  type ReceiverSubscription,
  type SocketGroup,
  TAKEN,
} from '../delivery/receiver.js';
import { KIND_MSGPACK, KIND_SINGLE, type ReceiverKind } from '../delivery/receiver-kind.js';
import type { SocketEnd } from '../http/traffic.js';
import { behind, type Inbox, type Sender } from './inboxes.js';
import { SessionLoad } from './session-load.js';
import { frameText, messageText, publishedText } from './session-text.js';

/** uWS gives every socket a user data object: here it only points to the session. */
export interface SocketData {
  session: Session | null;
  kind: ReceiverKind;
  form: FrameForm;
  principal: Principal;
  client: ClientName | null;
  /** Of a client behind a trusted proxy; null: it is that of its socket. */
  forwardedFor: string | null;
}

/** Who keeps the sessions. */
export interface SessionKeeper {
  /** Bytes that may wait for one socket; as many answers may wait for it to have room. */
  readonly sendBufferBytesMax: number;
  /** Monotonic ms, as of half a second ago at most. */
  readonly nowMs: number;
  /** Frames wait: `flush` is to be called at the end of the turn. */
  frameWaits(session: Session): void;
  /** Its socket takes no more. */
  lags(session: Session): void;
  /** It is being closed: what it has here and at the workers ends now, whatever its socket does. */
  ending(session: Session): void;
  /** It was answered an error. */
  refused(code: ErrorCode): void;
  /** The client closed it, and all that it had sent before was read. */
  hasLeft(session: Session): void;
}

/** Subscribes of one key, sent to the worker and not answered yet. */
interface Subscribing {
  readonly number: number;
  count: number;
}

export interface SessionOptions {
  number: number;
  data: Omit<SocketData, 'session'>;
  /** Unix ms. */
  connectedAtMs: number;
  ws: WebSocket<SocketData>;
  keeper: SessionKeeper;
}

/** Of a WebSocket message. */
export type MessageType = 'text' | 'binary';

const SEND_DROPPED = 2;
const NO_LINKS: readonly AcceptorLinkEnd[] = [];
const SEPARATOR = String.fromCharCode(FRAME_SEPARATOR);

export class Session implements Receiver, Sender {
  readonly number: number;
  readonly kind: ReceiverKind;
  readonly form: FrameForm;
  /** Another one once it goes on with another token. */
  principal: Principal;
  /** Another one once it says hello. */
  client: ClientName | null;
  readonly connectedAtMs: number;
  readonly subscriptions = new Map<string, ReceiverSubscription>();
  readonly load = new SessionLoad();
  links: readonly AcceptorLinkEnd[] = NO_LINKS;
  badFrames = 0;
  /** Monotonic ms at which something whole came: a message, a ping, a pong, or it took what waited. */
  heardAtMs = 0;
  /** Monotonic ms since when its socket takes nothing; 0: it does. */
  laggingSinceMs = 0;
  /**
   * closing: it was told why, or will be when its socket has room; nothing else is sent or heard. left: the
   * client closed it; what it had sent before is still read.
   */
  state: 'open' | 'closing' | 'left' | 'closed' = 'open';
  inbox: Inbox | null = null;
  heardInTurn = 0;
  framesInTurn = 0;
  /** Subscribes under way, by key; null: there are none. An idle session is kept small. */
  #subscribing: Map<string, Subscribing> | null = null;
  readonly #ws: WebSocket<SocketData>;
  readonly #forwardedFor: string | null;
  readonly #keeper: SessionKeeper;
  #pending: (string | Uint8Array)[] = [];
  #pendingBytes = 0;
  /** Why it is closing. */
  #reason: CloseReason = CLOSE.bug;

  constructor({ number, data, connectedAtMs, ws, keeper }: SessionOptions) {
    this.number = number;
    this.kind = data.kind;
    this.form = data.form;
    this.principal = data.principal;
    this.client = data.client;
    this.#forwardedFor = data.forwardedFor;
    this.connectedAtMs = connectedAtMs;
    this.#ws = ws;
    this.#keeper = keeper;
  }

  /** '': it is gone. */
  get address(): string {
    if (this.#forwardedFor !== null) return this.#forwardedFor;
    return this.isGone ? '' : addressOfBytes(new Uint8Array(this.#ws.getRemoteAddress()));
  }

  get bufferBytes(): number {
    return this.isGone ? 0 : this.#ws.getBufferedAmount() + this.#pendingBytes;
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

  /** Keys and numbers of what it has, or has asked for. */
  subscribed(): Map<string, number> {
    const all = new Map<string, number>();
    for (const [key, { number }] of this.#subscribing ?? []) all.set(key, number);
    for (const [key, { number }] of this.subscriptions) all.set(key, number);
    return all;
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

  /** Whether what it sent is read. */
  get isHeard(): boolean {
    return this.state === 'open' || this.state === 'left';
  }

  get isGone(): boolean {
    return this.state !== 'open';
  }

  get isEmpty(): boolean {
    return this.state !== 'open' || this.#ws.getBufferedAmount() === 0;
  }

  whenRead(then: () => void): void {
    if (this.inbox === null) then();
    else behind(this.inbox, then);
  }

  joinGroup(group: SocketGroup): void {
    if (this.state !== 'open') return;
    this.flush();
    if (!this.isGone) this.#ws.subscribe(group.nameOf(this.kind));
  }

  leaveGroup(group: SocketGroup): void {
    if (this.#hasSocket) this.#ws.unsubscribe(group.nameOf(this.kind));
  }

  sendPage(frames: Uint8Array, _subscription: ReceiverSubscription): number {
    this.flush();
    if (this.isGone) return TAKEN;
    if (this.#isFull) return 0;
    if (this.kind === KIND_SINGLE) {
      const split = splitFrames(frames);
      const refused = split[this.#sendMessages(split)];
      return refused === undefined ? TAKEN : sequenceOf(refused) - 1;
    }
    return this.#ws.send(frames, this.kind === KIND_MSGPACK) === SEND_DROPPED ? 0 : TAKEN;
  }

  giveMessages(frames: Uint8Array, _subscription: ReceiverSubscription): number {
    this.flush();
    if (this.isGone) return Number.POSITIVE_INFINITY;
    if (this.#isFull) return 0;
    if (this.kind === KIND_SINGLE) return this.#sendMessages(splitFrames(frames));
    const sent = this.#ws.send(frames, this.kind === KIND_MSGPACK) !== SEND_DROPPED;
    return sent ? Number.POSITIVE_INFINITY : 0;
  }

  get #hasSocket(): boolean {
    return this.state === 'open' || this.state === 'closing';
  }

  get #isFull(): boolean {
    return this.#ws.getBufferedAmount() > this.#keeper.sendBufferBytesMax;
  }

  #sendMessages(frames: readonly Uint8Array[]): number {
    return this.#sendOneByOne(frames.map((frame) => messageText(this, frame)));
  }

  /** Index of the first that was refused; past the last: none. */
  #sendOneByOne(frames: readonly (string | Uint8Array)[]): number {
    let refused = frames.length;
    this.#ws.cork(() => {
      const at = frames.findIndex((frame) => this.#ws.send(frame, false) === SEND_DROPPED);
      if (at >= 0) refused = at;
    });
    return refused;
  }

  sendFrame(frame: ServerFrame): void {
    if (this.state === 'open') this.#enqueue(frameText(this, frame));
  }

  /** The frame `published`, which is written by hand. */
  sendPublished(publish: PublishMark, published: PublishedPlace): void {
    if (this.state === 'open') this.#enqueue(publishedText(this, publish, published));
  }

  /** It goes out at the end of the turn. */
  #enqueue(frame: string | Uint8Array): void {
    if (this.#pending.length === 0) this.#keeper.frameWaits(this);
    this.#pending.push(frame);
    this.#pendingBytes += frame.length;
    if (this.#pendingBytes > this.#keeper.sendBufferBytesMax) this.flush();
  }

  /**
   * Sends what waits; what a full socket does not take waits for its drain. Too much of it ends the
   * session: none is dropped.
   */
  flush(): void {
    if (this.#pending.length === 0 || this.state !== 'open') return;
    if (!this.#isFull) this.#sendPending();
    if (this.#pending.length === 0) return;
    if (this.#pendingBytes > this.#keeper.sendBufferBytesMax) this.end(CLOSE.unread);
    else this.lagging();
  }

  /** Tells of a frame that brought nothing about; what may work later is not held against the client. */
  refuse(code: ErrorCode, message: string, ref: Ref): void {
    this.#keeper.refused(code);
    this.sendFrame(errorFrame(code, message, ref));
    if (!ERRORS[code].temporary) this.countIdle();
  }

  dry(): void {
    // It has what comes.
  }

  resumed(): void {
    // What it has said it need not say again.
  }

  pardon(): void {
    this.load.pardon();
  }

  /** Counts a frame that brought nothing about; too many of these in a short time end the session. */
  countIdle(): void {
    if (this.load.refused(this.#keeper.nowMs)) this.end(CLOSE.tooManyRefused);
  }

  ping(): void {
    if (this.state === 'open') this.#ws.ping();
  }

  lagging(): void {
    if (this.state === 'open') this.#keeper.lags(this);
  }

  topicDeleted(): void {
    if (!this.hasSubscriptions(1)) this.end(CLOSE.topicDeleted);
  }

  dismiss(why: CloseReason): void {
    this.end(why);
  }

  broken(): void {
    this.end(CLOSE.bug);
  }

  /**
   * Ends what the session has, tells the client why, and closes once the socket has taken that. Whatever
   * is reached from here finds it closing, so it happens once.
   */
  end(reason: CloseReason, retryAfterMs?: number): void {
    if (this.state === 'left') this.allRead();
    if (this.state !== 'open') return;
    this.state = 'closing';
    this.#reason = reason;
    this.#subscribing = null;
    this.#keeper.ending(this);
    // Answers that the socket does not take now are given up: this frame says so.
    if (this.#isFull) this.#pending = [];
    const last = disconnectFrame(reason, retryAfterMs);
    this.#pending.push(frameText(this, last));
    this.leave();
  }

  notAllRead(): void {
    this.load.hold();
  }

  heldRead(): void {
    this.load.release();
    this.load.hold();
  }

  /** Nothing more is read of it for now; one that has left ends with that. */
  allRead(): void {
    this.load.release();
    if (this.state !== 'left') return;
    this.state = 'closed';
    this.#keeper.hasLeft(this);
  }

  /** Closing: the last frames go out as the socket takes them, and then it is closed. */
  leave(): void {
    if (this.state !== 'closing') return;
    if (this.#pending.length > 0 && !this.#isFull) this.#sendPending();
    if (this.#pending.length > 0 || this.#ws.getBufferedAmount() > 0) return;
    this.#ws.end(this.#reason.closeCode, this.#reason.reason);
  }

  /** `end`: what uWS says of it. */
  endedHow(end: ReceiverEnd): SocketEnd {
    if (this.state === 'closing') return 'server';
    return end === 'abrupt' ? 'abrupt' : 'client';
  }

  /** Closes without a word: a socket that did not take the last frames. */
  terminate(): void {
    if (this.#hasSocket) this.#ws.close();
  }

  /** What the socket refused goes on waiting. */
  #sendPending(): void {
    const pending = this.#pending;
    const refused = this.#sendAll(pending);
    this.#pending = refused < pending.length ? pending.slice(refused) : [];
    this.#pendingBytes = this.#pending.reduce((bytes, frame) => bytes + frame.length, 0);
  }

  /** Index of the first that was refused; past the last: none. */
  #sendAll(frames: readonly (string | Uint8Array)[]): number {
    if (this.kind === KIND_SINGLE) return this.#sendOneByOne(frames);
    const isBinary = this.kind === KIND_MSGPACK;
    const joined = isBinary ? Buffer.concat(frames as Uint8Array[]) : frames.join(SEPARATOR);
    return this.#ws.send(joined, isBinary) === SEND_DROPPED ? 0 : frames.length;
  }
}
