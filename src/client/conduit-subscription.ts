/**
 * A subscription as its user has it: an iterator, or a handler. It lives over connections, until it is left
 * or the node ends it. What it holds is bounded by its window, whatever its reader does.
 */
import type { GapView, MessageFrame, SubscribedFrame } from '../wire/server-frame-types.js';
import { type SubscribingFrame, startMember, type VerdictFrame } from './client-frames.js';
import { ConduitError, wordsOf } from './conduit-error.js';
import type { AckOptions, ConduitMessage, NackOptions } from './conduit-message.js';
import { DeliveryWindow } from './delivery-window.js';
import { Emitter, type ListenOptions } from './emitter.js';
import type { ConduitSubscriptionState, SubscriptionHost } from './hosted-subscription.js';
import { MessageReader } from './message-reader.js';
import type { ConduitSubscribeOptions } from './subscribe-options.js';

export interface ConduitSubscriptionEvents {
  state: { from: ConduitSubscriptionState; to: ConduitSubscriptionState };
  /** What cannot be given any more, and why. */
  gap: GapView;
  /** All that was there when it began was given. */
  caughtUp: { sequence: number };
  /** A handler or `parse` threw, or the node refused something; it goes on. */
  error: ConduitError;
}

const MAX_IN_FLIGHT = 256;
const ACK_WAIT_MS = 1_000;
const MAX_DELIVER = 5;
const DEDUPE_RANGES = 1_024;
const HOLD_MS = 300_000;
/** What waits longer than a part of its ack wait is given more time, again and again. */
const EXTEND_MS = 30_000;
const EXTEND_EVERY_MS = 10_000;
const REASON_CHARS = 1_000;

/** For its session a HostedSubscription, for its messages a VerdictTaker, which its user need not know. */
export class ConduitSubscription<T = unknown> implements AsyncIterable<ConduitMessage<T>> {
  readonly topic: string;
  /** Its durable name; undefined: it is ephemeral. */
  readonly subscription: string | undefined;
  readonly #options: ConduitSubscribeOptions<T>;
  readonly #host: SubscriptionHost;
  readonly #window: DeliveryWindow<T>;
  readonly #events = new Emitter<ConduitSubscriptionEvents>();
  readonly #readyWaiters: { resolve: () => void; reject: (error: ConduitError) => void }[] = [];
  readonly #reader: MessageReader<T>;
  #state: ConduitSubscriptionState = 'pending';
  /** Set when the node ended it. */
  #failure: ConduitError | null = null;
  #epoch: string | undefined;
  /** Of an ephemeral one, where it goes on; 0: at `start`. */
  #resumeAt = 0;
  #leaving: 'no' | 'drain' | 'leave' = 'no';
  #storing: 'no' | 'asked' = 'no';
  #received = 0;
  #gaps = 0;

  /** @internal Made by `client.subscribe`. */
  constructor(topic: string, options: ConduitSubscribeOptions<T>, host: SubscriptionHost) {
    this.topic = topic;
    this.subscription = options.subscription;
    this.#options = options;
    this.#host = host;
    this.#window = new DeliveryWindow<T>(
      {
        topic,
        subscription: options.subscription,
        maxInFlight: options.maxInFlight ?? MAX_IN_FLIGHT,
        dedupe: options.dedupe ?? DEDUPE_RANGES,
        handed: options.ack === 'manual' ? 'again' : 'once',
        maxDeliver: options.maxDeliver ?? MAX_DELIVER,
      },
      this,
    );
    this.#reader = new MessageReader<T>(options, {
      take: () => this.#take(),
      handled: (message) => {
        if (options.ack !== 'manual') this.ack(message);
      },
      failed: (message, cause) => this.#failed(message, cause),
      left: () => this.unsubscribe(),
    });
    const { signal } = options;
    signal?.addEventListener('abort', () => void this.unsubscribe(), { once: true });
  }

  get state(): ConduitSubscriptionState {
    return this.#state;
  }

  /** The last sequence that came, and of which log: where to go on elsewhere. Null: nothing came yet. */
  get position(): { epoch: string; sequence: number } | null {
    const { highest } = this.#window;
    return this.#epoch === undefined ? null : { epoch: this.#epoch, sequence: highest };
  }

  on<K extends keyof ConduitSubscriptionEvents>(
    type: K,
    listener: (event: ConduitSubscriptionEvents[K]) => void,
    options?: ListenOptions,
  ): () => void {
    return this.#events.on(type, listener, options);
  }

  /** Since it was made; `unread`: came, and waits for the reader. */
  stats(): { received: number; inFlight: number; unread: number; gaps: number } {
    const { inFlight, unread } = this.#window;
    return { received: this.#received, inFlight, unread, gaps: this.#gaps };
  }

  /** Confirmed by the node: what is published from now on is not missed. Rejects when it has ended. */
  ready(): Promise<void> {
    if (this.#state === 'active') return Promise.resolve();
    if (this.#state === 'closed') return Promise.reject(this.#end());
    return new Promise((resolve, reject) => this.#readyWaiters.push({ resolve, reject }));
  }

  /** Leaves at once: what was not read or acknowledged goes to others of the name, or comes again. */
  async unsubscribe(): Promise<void> {
    if (this.#leaving === 'leave' || this.#state === 'closed') return;
    this.#leaving = 'leave';
    this.#window.leave();
    this.flushAcks();
    const left = this.#host.leave(this);
    this.closed(null);
    await left;
  }

  /**
   * Leaves once what its reader or its handlers have is dealt with, or after `timeoutMs`: not to be waited
   * for within the loop that reads.
   */
  async drain(timeoutMs = 30_000): Promise<void> {
    if (this.#leaving === 'no' && this.#state !== 'closed') {
      this.#leaving = 'drain';
      this.#window.leave();
      this.#reader.stop(null);
      await this.#reader.idle(timeoutMs);
    }
    await this.unsubscribe();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain();
  }

  /** One reader at a time. Leaving the loop leaves the subscription; what it had is not acknowledged. */
  [Symbol.asyncIterator](): AsyncIterableIterator<ConduitMessage<T>> {
    return this.#reader.iterator(this.topic);
  }

  /** @internal The frame that opens it on a connection. */
  subscribeFrame(ref: number): SubscribingFrame {
    const { start, ackWaitMs, maxDeliver, ordering, exclusive, maxInFlight } = this.#options;
    const isResumed = this.subscription === undefined && this.#resumeAt > 0;
    const position = { sequence: this.#resumeAt, epoch: this.#epoch };
    const from = isResumed ? position : start;
    return {
      type: 'subscribe',
      ref,
      topic: this.topic,
      subscription: this.subscription,
      ack: 'explicit',
      max_in_flight: maxInFlight ?? MAX_IN_FLIGHT,
      start: from === undefined ? undefined : startMember(from),
      ack_wait_ms: ackWaitMs,
      max_deliver: maxDeliver,
      ordering,
      exclusive: exclusive === true ? true : undefined,
    };
  }

  /** @internal */
  subscribed({ epoch, sequence, gap }: SubscribedFrame): void {
    if (this.#epoch !== epoch) {
      if (this.#epoch !== undefined) this.#window.changeLog();
      this.#epoch = epoch;
    }
    const isLatest = (this.#options.start ?? 'latest') === 'latest';
    if (this.subscription === undefined && isLatest) this.#window.beginAfter(sequence);
    if (gap !== undefined) {
      this.#gaps++;
      this.#events.emit('gap', gap);
    }
    this.#becomes('active');
    for (const { resolve } of this.#readyWaiters.splice(0)) resolve();
  }

  /** @internal False: more comes than a node gives. */
  receive(frame: MessageFrame, atMs: number): boolean {
    if (this.#state === 'closed' || this.#leaving !== 'no') return true;
    this.#received++;
    const isUnread = this.#window.take(frame, atMs);
    if (isUnread) this.#reader.arrived();
    else this.#host.acksWait(this);
    return !this.#window.isOverfull;
  }

  /** @internal */
  caughtUp(sequence: number): void {
    this.#window.caughtUp();
    this.#events.emit('caughtUp', { sequence });
  }

  /** @internal The connection is gone. */
  disconnected(): void {
    // Nothing came of a connection on which it was not confirmed: where it goes on stays.
    if (this.#state !== 'active') return;
    this.#resumeAt = this.#window.disconnected();
    this.#becomes('pending');
  }

  /** @internal For good; null: it was left. */
  closed(failure: ConduitError | null): void {
    if (this.#state === 'closed') return;
    this.#failure = failure;
    this.#window.leave();
    this.#becomes('closed');
    for (const { reject } of this.#readyWaiters.splice(0)) reject(this.#end());
    this.#reader.stop(failure);
    if (failure !== null) this.#report(failure);
  }

  /** @internal More time for what waits for a slow reader, or is with one; a few times a second. */
  keepHeld(nowMs: number): void {
    if (this.#state !== 'active') return;
    const { ackWaitMs = ACK_WAIT_MS, holdMs = HOLD_MS } = this.#options;
    const rule = { afterMs: ackWaitMs / 3, everyMs: EXTEND_EVERY_MS, holdMs };
    for (const message of this.#window.late(nowMs, rule)) {
      this.extend(message, EXTEND_MS);
    }
  }

  /** @internal */
  flushAcks(): void {
    for (const frame of this.#window.acks()) {
      const isCumulative = frame.type === 'ack' && frame.cumulative === true;
      if (isCumulative && this.#storing === 'no') this.#confirm(frame);
      else this.#host.send(frame);
    }
  }

  /** @internal */
  ack(message: ConduitMessage<T>, { cumulative }: AckOptions = {}): void {
    if (cumulative === true) this.#window.settleUpTo(message);
    else if (!this.#window.settle(message)) return;
    this.#host.acksWait(this);
  }

  /** @internal */
  nack(message: ConduitMessage<T>, { delayMs, reason }: NackOptions = {}): void {
    // What was acknowledged before it is said before it: then in one frame.
    this.flushAcks();
    if (!this.#window.fail(message, 'nack')) return;
    const delay = { delay_ms: delayMs, reason: reason?.slice(0, REASON_CHARS) };
    this.#host.send({ type: 'nack', ...this.#named(message), ...delay });
  }

  /** @internal */
  extend(message: ConduitMessage<T>, ms: number | undefined): void {
    this.#host.send({ type: 'extend', ...this.#named(message), ms });
  }

  /** @internal */
  reject(message: ConduitMessage<T>, reason: string | undefined): void {
    this.flushAcks();
    if (!this.#window.fail(message, 'reject')) return;
    const why = { reason: reason?.slice(0, REASON_CHARS) };
    this.#host.send({ type: 'reject', ...this.#named(message), ...why });
  }

  /** One at a time: how far acknowledgements are stored, by which a replay is known for one. */
  #confirm(frame: VerdictFrame): void {
    const epoch = this.#epoch;
    this.#storing = 'asked';
    this.#host.ask(frame, (answer) => {
      this.#storing = 'no';
      if (answer?.type === 'acked' && epoch === this.#epoch) this.#window.stored(frame.sequence);
    });
  }

  #named({ sequence }: ConduitMessage<T>): object {
    return { topic: this.topic, sequence, subscription: this.subscription };
  }

  /** What says that it is over. */
  #end(): ConduitError {
    return (
      this.#failure ?? new ConduitError('closed', `the subscription to ${this.topic} was left`)
    );
  }

  #becomes(to: ConduitSubscriptionState): void {
    const from = this.#state;
    if (from === to) return;
    this.#state = to;
    this.#events.emit('state', { from, to });
  }

  #report(error: ConduitError): void {
    this.#events.emit('error', error);
    this.#host.tell(error);
  }

  /** The next message that its `parse` takes. */
  #take(): ConduitMessage<T> | undefined {
    for (let one = this.#window.hand(); one !== undefined; one = this.#window.hand()) {
      const { parse } = this.#options;
      if (parse === undefined) return one;
      try {
        one.payload = parse(one.payload);
        return one;
      } catch (cause) {
        const text = `message ${one.sequence} of ${this.topic} is not as expected: ${wordsOf(cause)}`;
        this.reject(one, text);
        this.#report(new ConduitError('parse_failed', text, { cause }));
      }
    }
    return undefined;
  }

  #failed(message: ConduitMessage<T>, cause: unknown): void {
    const words = wordsOf(cause);
    this.nack(message, { reason: words });
    const text = `message ${message.sequence} of ${this.topic} was not handled: ${words}`;
    this.#report(new ConduitError('handler_failed', text, { cause }));
  }
}
