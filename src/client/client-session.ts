/**
 * A connection that comes back: it connects, waits its time when that fails, shows its key or token and
 * renews it, and opens its subscriptions again each time. It ends when it is closed, or the node says that
 * coming back makes no sense.
 */
import type { MessageFrame, ServerFrame } from '../wire/server-frame-types.js';
import { Answers } from './answers.js';
import { ConduitError } from './conduit-error.js';
import type { ClientSettings } from './connect-options.js';
import { Connection, type ConnectionEnd, type ConnectionSink } from './connection.js';
import type { ClientCredentials } from './credentials.js';
import type { HostedSubscription } from './hosted-subscription.js';
import type { NodeHttp } from './node-http.js';
import { askedDelayMs, retryDelayMs } from './retry-delay.js';
import { errorOf, SessionSubscriptions } from './session-subscriptions.js';
import { openSocket } from './socket.js';

/** idle: the node closed it since its topics are deleted; the next subscribe opens it again. */
export type SessionState = 'connecting' | 'open' | 'reconnecting' | 'idle' | 'closed';

export interface SessionEvents {
  state(from: SessionState, to: SessionState, error: ConduitError | null): void;
  /** Tries again after so long. */
  retry(attempt: number, delayMs: number, error: ConduitError): void;
  /** Something that it goes on after. */
  error(error: ConduitError): void;
  gap(frame: { topic: string; from: number; to: number; reason: string }): void;
  /** The last subscription is gone. */
  emptied(): void;
  /** An answer that it does not wait for itself; false: nobody does. */
  answered(frame: ServerFrame): boolean;
}

export interface ClientSessionOptions {
  settings: ClientSettings;
  credentials: ClientCredentials;
  http: NodeHttp;
  /** The node that is tried. */
  base: () => string;
  /** Another is to be tried from now on. */
  nextNode: () => void;
  events: SessionEvents;
  newRef: () => number;
}

const TICK_MS = 250;
/** A connection that lasted for so long was a good one: the next delay is the first again. */
const STABLE_MS = 10_000;
/** A key or token that is refused so often in a row, each new where it can be, will not do. */
const REFUSALS_MAX = 2;
const NOT_BACK = 4_500;
const TOPIC_DELETED = 4_505;
const KEY_OVER = 4_510;

export class ClientSession implements ConnectionSink {
  readonly #options: ClientSessionOptions;
  readonly #answers: Answers;
  readonly subscriptions: SessionSubscriptions;
  #state: SessionState = 'connecting';
  #connection: Connection | null = null;
  #ended: ((end: ConnectionEnd) => void) | null = null;
  #wake: (() => void) | null = null;
  #attempt = 0;
  #refusals = 0;
  #failure: ConduitError | null = null;
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(options: ClientSessionOptions) {
    this.#options = options;
    const { events, settings, newRef } = options;
    this.#answers = new Answers(newRef);
    this.subscriptions = new SessionSubscriptions({
      connection: () => this.connection,
      answers: this.#answers,
      delays: settings.reconnect,
      tell: (error) => events.error(error),
      emptied: () => events.emptied(),
    });
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Why it is closed; null: its user closed it. */
  get failure(): ConduitError | null {
    return this.#failure;
  }

  get connection(): Connection | null {
    return this.#connection?.isOpen === true ? this.#connection : null;
  }

  /** Until it is closed. */
  async live(): Promise<void> {
    while (this.#state !== 'closed') {
      const end = await this.#connect();
      if (this.#isClosed()) return;
      const error = await this.#lost(end);
      if (this.#isClosed()) return;
      if (this.#state !== 'idle') await this.#retry(end, error);
      else {
        if (this.subscriptions.isEmpty) await this.#pause(null);
        this.#becomes('connecting', null);
      }
    }
  }

  add(subscription: HostedSubscription): void {
    this.subscriptions.add(subscription);
    if (this.#state === 'idle') this.#wake?.();
  }

  /** Tries again now, or asks whether the connection lives: something has changed. */
  nudge(): void {
    this.#connection?.ask(performance.now());
    if (this.#state === 'reconnecting') this.#wake?.();
  }

  close(failure: ConduitError | null): void {
    if (this.#state === 'closed') return;
    this.#failure = failure;
    this.subscriptions.close(failure);
    this.#becomes('closed', failure);
    this.#connection?.close();
    this.#wake?.();
    this.#answers.end();
  }

  opened(): void {
    this.#becomes('open', null);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.subscriptions.opened();
    this.#connection?.flush();
  }

  frame(frame: ServerFrame, atMs: number): boolean {
    switch (frame.type) {
      case 'message':
        return isMessage(frame) && this.subscriptions.received(frame, atMs);
      case 'published':
      case 'acked':
      case 'refreshed':
        this.#answered(frame);
        return true;
      case 'error':
        if (!this.#answered(frame) && frame.code !== 'unknown_delivery') {
          this.#options.events.error(errorOf(frame));
        }
        return true;
      case 'subscribed':
        // Without a ref: the log has changed under one that is open.
        if (frame.ref !== undefined) this.#answered(frame);
        else this.subscriptions.find(frame.topic)?.subscribed(frame);
        if (frame.gap !== undefined) this.#options.events.gap({ topic: frame.topic, ...frame.gap });
        return true;
      case 'unsubscribed':
        if (frame.ref !== undefined) this.#answered(frame);
        else this.subscriptions.gone(frame.topic, frame.reason);
        return true;
      case 'caught_up':
        this.subscriptions.find(frame.topic)?.caughtUp(frame.sequence);
        return true;
      case 'expiring':
        void this.#refresh();
        return true;
      default:
        // One that is new, or says nothing: the protocol may grow.
        return typeof frame.type === 'string';
    }
  }

  ended(end: ConnectionEnd): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#connection = null;
    this.subscriptions.disconnected();
    this.#answers.end();
    this.#ended?.(end);
  }

  async #connect(): Promise<ConnectionEnd | ConduitError> {
    const { settings, credentials, base } = this.#options;
    try {
      const secret = await credentials.current();
      const isToken = credentials.kind === 'token';
      const socket = await openSocket({
        url: `${base().replace('http', 'ws')}/ws`,
        protocols: [settings.codec.subprotocol, ...(isToken ? [`conduit.token.${secret}`] : [])],
        headers: credentials.kind === 'key' ? { 'x-api-key': secret } : {},
        maxMessageBytes: settings.maxMessageBytes,
        WebSocket: settings.WebSocket,
      });
      return await new Promise((resolve) => {
        this.#ended = resolve;
        this.#connection = new Connection(socket, settings, this);
        if (this.#isClosed()) this.#connection.close();
      });
    } catch (error) {
      if (error instanceof ConduitError) return error;
      return new ConduitError('disconnected', 'the WebSocket cannot be opened', { cause: error });
    }
  }

  /** What the end of a connection means: closes, or says why it is to be tried again. */
  async #lost(end: ConnectionEnd | ConduitError): Promise<ConduitError> {
    const { credentials, nextNode } = this.#options;
    if (end instanceof ConduitError) {
      if (!end.retryable) this.close(end);
      return end;
    }
    if (end.openMs >= STABLE_MS) this.#attempt = 0;
    if (end.openMs > 0) this.#refusals = 0;
    if (end.openMs === 0) {
      const error = await this.#whyNot(end);
      if (error.code === 'unauthorized') this.#refused(error);
      else nextNode();
      return error;
    }
    const code = end.disconnect?.code ?? end.code;
    const reason = end.disconnect?.reason ?? end.reason;
    const error = new ConduitError(
      'disconnected',
      `the connection ended: ${code} ${reason}`.trim(),
    );
    if (code === TOPIC_DELETED) this.#becomes('idle', error);
    else if (code === KEY_OVER && credentials.isRenewable) credentials.drop();
    else if (end.disconnect?.reconnect === false || (code >= NOT_BACK && code < 5_000)) {
      const text = `the node closed the connection for good: ${code} ${reason}`;
      this.close(new ConduitError(code === KEY_OVER ? 'unauthorized' : 'closed', text));
    }
    return error;
  }

  /** A key or token was refused before the connection opened. */
  #refused(error: ConduitError): void {
    const { credentials } = this.#options;
    this.#refusals++;
    credentials.drop();
    if (this.#refusals >= REFUSALS_MAX) this.close(error);
  }

  /** A WebSocket does not say why it did not open: HTTP does. */
  async #whyNot({ reason }: ConnectionEnd): Promise<ConduitError> {
    const { http, settings } = this.#options;
    const signal = AbortSignal.timeout(settings.connectTimeoutMs);
    try {
      await http.ask({ method: 'GET', path: '/api/topics?limit=1', signal });
    } catch (error) {
      if (error instanceof ConduitError && error.code !== 'forbidden') return error;
    }
    return new ConduitError('disconnected', `the WebSocket did not open: ${reason || 'refused'}`);
  }

  async #retry(end: ConnectionEnd | ConduitError, error: ConduitError): Promise<void> {
    const { reconnect } = this.#options.settings;
    if (this.#attempt >= reconnect.maxAttempts) {
      const text = `gave up after ${this.#attempt} tries: ${error.message}`;
      this.close(new ConduitError('gave_up', text, { cause: error }));
      return;
    }
    const said = end instanceof ConduitError ? null : end.disconnect;
    const askedMs = askedDelayMs(said?.retry_after_ms);
    const leastMs = Math.max(askedMs, error.retryAfterMs);
    const delayMs = Math.max(retryDelayMs(this.#attempt, reconnect), leastMs);
    this.#attempt++;
    this.#becomes('reconnecting', error);
    this.#options.events.retry(this.#attempt, delayMs, error);
    await this.#pause(delayMs);
  }

  /** Null: until it is woken. */
  async #pause(delayMs: number | null): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = delayMs === null ? undefined : setTimeout(resolve, delayMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = null;
  }

  /** The token runs out soon: the session goes on with another. */
  async #refresh(): Promise<void> {
    const { credentials } = this.#options;
    if (!credentials.isRenewable) return;
    credentials.drop();
    try {
      const token = await credentials.current();
      const answer = await new Promise<ServerFrame | null>((resolve) => {
        this.#connection?.send({ type: 'refresh', token, ref: this.#answers.expect(resolve) });
      });
      if (answer?.type === 'error') throw errorOf(answer);
    } catch (error) {
      // The node closes the session when the old one is over; it comes back with a new one.
      if (error instanceof ConduitError) this.#options.events.error(error);
    }
  }

  #tick(): void {
    const nowMs = performance.now();
    this.#connection?.tick(nowMs);
    this.subscriptions.keepHeld(nowMs);
  }

  #answered(frame: ServerFrame): boolean {
    return this.#answers.came(frame) || this.#options.events.answered(frame);
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #becomes(to: SessionState, error: ConduitError | null): void {
    const from = this.#state;
    if (from === to || from === 'closed') return;
    this.#state = to;
    this.#options.events.state(from, to, error);
  }
}

/** What everything else goes by is there. */
function isMessage({ topic, message_id: id, sequence, attempt }: MessageFrame): boolean {
  const isPlace = Number.isSafeInteger(sequence) && sequence > 0;
  return typeof topic === 'string' && typeof id === 'string' && isPlace && attempt > 0;
}
