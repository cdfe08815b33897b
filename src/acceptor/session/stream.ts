/**
 * One stream of server-sent events: a receiver like a WebSocket session, on the same groups and pages;
 * only its frames are written as text. What its socket does not take stays with the worker: uWS keeps
 * one page of it at most.
 */
import type { ClientName } from '../../core/client-name.js';
import type { Clock } from '../../core/clock.js';
import { CLOSE, type CloseReason, type ErrorCode, RequestError } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import type { AcceptorLinkEnd } from '../../thread/link.js';
import type { FrameForm } from '../../wire/event-of-message.js';
import type { Ref } from '../../wire/frame-types.js';
import { disconnectFrame, errorFrame } from '../../wire/problem.js';
import type { GapView, ServerFrame } from '../../wire/server-frame-types.js';
import type { Deliveries } from '../delivery/deliveries.js';
import { dataLines, eventsOf } from '../delivery/event-text.js';
import {
  type EventReceiver,
  type ReceiverSubscription,
  type SocketGroup,
  TAKEN,
} from '../delivery/receiver.js';
import { KIND_SSE } from '../delivery/receiver-kind.js';
import { type Exchange, faultOfOurs } from '../http/exchange.js';
import type { Guard } from '../http/guard.js';

const HEADERS = [
  // nginx would keep events until it has a bufferful; a proxy that compresses does the same.
  ...['X-Accel-Buffering', 'no'],
  // Beside no-store, which every answer has.
  ...['Cache-Control', 'no-transform'],
];
/** What EventSource waits before it comes back. */
const RETRY_MS = 2_000;
/** More of it, at random, for those who are sent away together. */
const RETRY_MORE_MS = 5_000;
/** A comment, to be passed over. */
const NOTHING = ':\n';

export interface StreamOptions {
  exchange: Exchange;
  number: number;
  deliveries: () => Deliveries;
  guard: Guard;
  clock: Clock;
  form: FrameForm;
  /** What the client calls itself; null: it has not said. */
  client: ClientName | null;
  /** Of the client. */
  address: string;
  /** It was answered with an error of ours before it began: uWS tells of no end of it. */
  onUnopened: () => void;
}

export class Stream implements EventReceiver {
  readonly number: number;
  readonly kind = KIND_SSE;
  readonly principal: Principal;
  readonly client: ClientName | null;
  readonly address: string;
  readonly form: FrameForm;
  /** uWS does not tell. */
  readonly bufferBytes = null;
  connectedAtMs = 0;
  readonly subscriptions = new Map<string, ReceiverSubscription>();
  links: readonly AcceptorLinkEnd[] = [];
  state: 'opening' | 'open' | 'closed' = 'opening';
  /** Monotonic ms since when its socket has taken nothing; 0: nothing waits. */
  laggingSinceMs = 0;
  readonly #exchange: Exchange;
  readonly #options: StreamOptions;
  /** full: uWS keeps some of what was written; until it is gone nothing more is given to it. */
  #socket: 'ready' | 'full' = 'ready';

  constructor(options: StreamOptions) {
    this.number = options.number;
    this.principal = options.exchange.principal;
    this.client = options.client;
    this.address = options.address;
    this.form = options.form;
    this.#exchange = options.exchange;
    this.#options = options;
  }

  /** `first`: lines that are no event. False: nobody is there to stream to. */
  start(first: string): boolean {
    const { guard } = this.#options;
    const writable = (): void => guard.run('drain', this, () => this.#writable());
    const isStarted = this.#exchange.startStream('text/event-stream', HEADERS, writable);
    if (!isStarted) return false;
    this.state = 'open';
    this.connectedAtMs = this.#options.clock.now();
    this.#write(`: connected\n${first}retry: ${RETRY_MS}\n\n`);
    return true;
  }

  get hasRoom(): boolean {
    return this.state === 'open' && this.#socket === 'ready';
  }

  joinGroup(group: SocketGroup): void {
    group.streams.add(this);
  }

  leaveGroup(group: SocketGroup): void {
    group.streams.delete(this);
  }

  sendPage(frames: Uint8Array, subscription: ReceiverSubscription): number {
    if (this.state !== 'open') return TAKEN;
    if (this.#socket === 'full') return 0;
    return this.sendEvents(eventsOf(frames, { epoch: subscription.epoch, form: this.form }));
  }

  sendEvents(events: Uint8Array): number {
    if (this.state !== 'open') return TAKEN;
    if (this.#socket === 'full') return 0;
    this.#write(events);
    return TAKEN;
  }

  /** Events as text; to be asked for `hasRoom` before. */
  say(events: string): void {
    if (this.state === 'open') this.#write(events);
  }

  get subscription(): ReceiverSubscription | undefined {
    return this.subscriptions.values().next().value;
  }

  giveMessages(frames: Uint8Array, subscription: ReceiverSubscription): number {
    return this.sendPage(frames, subscription) === TAKEN ? Number.POSITIVE_INFINITY : 0;
  }

  get isGone(): boolean {
    return this.state === 'closed';
  }

  /** It says nothing. */
  whenRead(then: () => void): void {
    then();
  }

  get isEmpty(): boolean {
    return this.#socket === 'ready';
  }

  /** A stream is one subscription: with it, it ends. */
  sendFrame(frame: ServerFrame): void {
    if (frame.type !== 'subscribed') this.#event(frame);
    else if (frame.gap !== undefined) this.gap(frame.topic, frame.gap);
    if (frame.type === 'unsubscribed') this.end();
  }

  refuse(code: ErrorCode, message: string, ref: Ref): void {
    this.sendFrame(errorFrame(code, message, ref));
  }

  broken(): void {
    this.#exchange.fail(faultOfOurs());
    if (this.state === 'opening') this.#options.onUnopened();
  }

  /** What was asked for and cannot be given: not in the log, or not known where. */
  gap(topic: string, gap: GapView): void {
    const { subscription } = this;
    if (subscription === undefined) return;
    this.#event({ type: 'gap', topic, ...gap }, `id: ${position(subscription)}\n`);
  }

  dry(): void {
    // It has what comes.
  }

  resumed(): void {
    // It says nothing.
  }

  pardon(): void {
    // It acknowledges nothing.
  }

  lagging(): void {
    if (this.laggingSinceMs === 0) this.laggingSinceMs = this.#options.clock.monotonic();
  }

  topicDeleted(): void {
    this.end();
  }

  /** EventSource comes back by itself, and is refused then. */
  dismiss(why: CloseReason): void {
    if (this.state === 'opening') {
      this.#exchange.fail(new RequestError('unauthorized', why.reason));
      this.#options.onUnopened();
      return;
    }
    if (this.#socket === 'full') this.cut();
    this.#event(disconnectFrame(why));
    this.end();
  }

  /** A comment. What a full socket has yet to take serves as well. */
  ping(): void {
    if (this.hasRoom) this.#write(': ping\n\n');
  }

  /** The node shuts down: says so, and when to come back. */
  leave(): void {
    if (this.state !== 'open') return;
    this.#write(lastEvent(CLOSE.drain, this.#options.clock));
    this.end();
  }

  end(): void {
    if (this.state !== 'open') return;
    this.state = 'closed';
    this.#exchange.endStream();
  }

  /** Without an end, which would wait behind all that the client does not read. */
  cut(): void {
    this.state = 'closed';
    this.#exchange.breakOff();
  }

  /** uWS keeps what it kept until it is written to again, and says then whether it is gone. */
  #writable(): void {
    if (this.state !== 'open') return;
    if (!this.#exchange.write(NOTHING)) {
      // It took some of it.
      this.laggingSinceMs = this.#options.clock.monotonic();
      return;
    }
    this.#socket = 'ready';
    this.laggingSinceMs = 0;
    this.#options.deliveries().drained(this);
  }

  #event(frame: ServerFrame, place = ''): void {
    if (this.state === 'open') this.#write(eventText(frame, place));
  }

  #write(text: string | Uint8Array): void {
    if (this.#exchange.write(text)) return;
    this.#socket = 'full';
    this.lagging();
  }
}

/**
 * Answers one who comes back with a stream that ends at once: another status would end an EventSource
 * for good, over something that passes.
 */
export function turnAway(exchange: Exchange, code: ErrorCode, clock: Clock): void {
  if (!exchange.startStream('text/event-stream', HEADERS, () => undefined)) return;
  exchange.write(lastEvent({ ...CLOSE.tryLater, reason: code }, clock));
  exchange.endStream();
}

function lastEvent(why: CloseReason, clock: Clock): string {
  const retryMs = RETRY_MS + Math.round(clock.random() * RETRY_MORE_MS);
  return eventText(disconnectFrame(why, retryMs), `retry: ${retryMs}\n`);
}

/** `before`: the lines of the event that come first. */
function eventText(frame: ServerFrame, before: string): string {
  return `${before}event: ${frame.type}\n${dataLines(JSON.stringify(frame))}\n`;
}

/** All up to here was given, or never will be. */
export function position({ epoch, lastSequence }: ReceiverSubscription): string {
  return `${epoch}:${lastSequence}`;
}
