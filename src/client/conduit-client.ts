/** The client: what its user calls. Made by `connect`. */
import type { ServerFrame } from '../wire/server-frame-types.js';
import { ClientSession, type SessionState } from './client-session.js';
import { json } from './codec.js';
import { ConduitError } from './conduit-error.js';
import { ConduitSubscription } from './conduit-subscription.js';
import { type ClientSettings, type ConnectOptions, settingsOf } from './connect-options.js';
import { ClientCredentials } from './credentials.js';
import { Emitter, EventQueue, type ListenOptions } from './emitter.js';
import { NodeHttp } from './node-http.js';
import { PendingPublish, publishingFrame } from './pending-publish.js';
import {
  type DeferOptions,
  type DeferResult,
  PublishBatchError,
  type PublishItem,
  type PublishOptions,
  type PublishResult,
} from './publish-options.js';
import { Publisher } from './publisher.js';
import type { ConduitSubscribeOptions } from './subscribe-options.js';

/** draining: it finishes what it has. idle: nothing is subscribed; HTTP serves. */
export type ClientState = SessionState | 'draining';

export interface ClientEvents {
  /** `error`: why, where it is no good news. */
  state: { from: ClientState; to: ClientState; error: ConduitError | null };
  /** The connection is tried again after `delayMs`; `attempt` from 1. */
  reconnect: { attempt: number; delayMs: number; error: ConduitError };
  /** Something failed, and the client goes on. */
  error: ConduitError;
  /** Messages that cannot be given any more. */
  gap: { topic: string; from: number; to: number; reason: string };
}

export type StatusEvent =
  | ({ type: 'state' } & ClientEvents['state'])
  | ({ type: 'reconnect' } & ClientEvents['reconnect'])
  | { type: 'error'; error: ConduitError }
  | ({ type: 'gap' } & ClientEvents['gap']);

export interface RequestOptions {
  /** Sent as JSON. */
  body?: unknown;
  signal?: AbortSignal;
}

/**
 * A client of one node, or of several that are one cluster. It returns at once and connects; publishes and
 * subscriptions need not wait for that. Throws TypeError for a URL that is none.
 */
export function connect(options: ConnectOptions | string): ConduitClient {
  return new ConduitClient(typeof options === 'string' ? { url: options } : options);
}

export class ConduitClient {
  readonly #settings: ClientSettings;
  readonly #credentials: ClientCredentials;
  readonly #http: NodeHttp;
  readonly #publisher: Publisher;
  /** The first one is the client's; others are there for what one session cannot hold twice. */
  readonly #sessions: ClientSession[] = [];
  readonly #events = new Emitter<ClientEvents>();
  readonly #queues = new Set<EventQueue<StatusEvent>>();
  readonly #listening = new AbortController();
  #closing: Promise<void> | null = null;
  #state: ClientState = 'connecting';
  #urlNo = 0;
  #lastRef = 0;
  #pump: 'none' | 'waits' = 'none';

  /** @internal See `connect`. */
  constructor(options: ConnectOptions) {
    const settings = settingsOf(options, json);
    this.#settings = settings;
    this.#credentials = new ClientCredentials(options, settings.credentialsTimeoutMs);
    const base = (): string => this.#base;
    const { codec, publishQueue: queueMax, publishQueueBytes: queueBytesMax } = settings;
    this.#http = new NodeHttp({ base, credentials: this.#credentials, fetch: settings.fetch });
    const connection = () => this.#main.connection;
    const delays = settings.reconnect;
    const http = this.#http;
    this.#publisher = new Publisher({ codec, http, connection, queueMax, queueBytesMax, delays });
    this.#sessions.push(this.#newSession('main'));
    void this.#main.live();
    this.#listen(options.signal);
  }

  get state(): ClientState {
    return this.#state;
  }

  /** Publishes that are not answered. */
  get pending(): number {
    return this.#publisher.pending;
  }

  on<K extends keyof ClientEvents>(
    type: K,
    listener: (event: ClientEvents[K]) => void,
    options?: ListenOptions,
  ): () => void {
    return this.#events.on(type, listener, options);
  }

  /** What happens to the client, from now on until it is closed; a slow reader misses the oldest. */
  status(): AsyncIterableIterator<StatusEvent> {
    const queue: EventQueue<StatusEvent> = new EventQueue(() => this.#queues.delete(queue));
    this.#queues.add(queue);
    if (this.#state === 'closed') queue.end();
    return queue;
  }

  /** Resolves once it is connected. Rejects when it is closed, or with what the signal was aborted. */
  async ready(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#state === 'open') return;
    if (this.#state === 'closed') throw this.#closedError();
    const done = new AbortController();
    try {
      await new Promise<void>((resolve, reject) => {
        const told = ({ to }: ClientEvents['state']): void => {
          if (to === 'open') resolve();
          if (to === 'closed') reject(this.#closedError());
        };
        this.#events.on('state', told, done);
        signal?.addEventListener('abort', () => reject(signal.reason), { signal: done.signal });
      });
    } finally {
      done.abort();
    }
  }

  /**
   * Resolves once it is committed. Tried again, under one dedupe key, as long as that may help. Rejects with
   * ConduitError: what the node refused it for, `timeout` (not stored), `outcome_unknown` (may be stored), or
   * at once `publish_queue_full`; or with what the signal was aborted.
   */
  async publish(
    topic: string,
    payload: unknown,
    options: PublishOptions = {},
  ): Promise<PublishResult> {
    return (await this.#publish({ topic, payload }, options)) as PublishResult;
  }

  /** The same for later: resolves once it is accepted, and survives what the log survives. */
  async defer(topic: string, payload: unknown, options: DeferOptions): Promise<DeferResult> {
    return (await this.#publish({ topic, payload }, options)) as DeferResult;
  }

  /**
   * Results in the places of the messages, whose order within a topic is kept. When some were not stored it
   * rejects with PublishBatchError, which has what became of each.
   */
  async publishBatch(
    items: readonly PublishItem[],
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<PublishResult[]> {
    this.#publisher.checkRoom(items.length, 0);
    const under = signal === undefined ? {} : { signal };
    const all = items.map((item) => this.#publish(item, { ...item, ...under }));
    const settled = await Promise.allSettled(all);
    signal?.throwIfAborted();
    const results = settled.map((one) => {
      if (one.status === 'fulfilled') return one.value as PublishResult;
      const reason: unknown = one.reason;
      return reason instanceof ConduitError ? reason : new ConduitError('closed', String(reason));
    });
    if (!results.every(isStored)) throw new PublishBatchError(results);
    return results;
  }

  /**
   * Subscribes, now and after every disconnect. `T` is what payloads are, by your word, or by `parse`. Throws
   * ConduitError `closed`; what the node refuses, the iterator and `ready` reject with.
   */
  subscribe<T = unknown>(
    topic: string,
    options: ConduitSubscribeOptions<T> = {},
  ): ConduitSubscription<T> {
    if (this.#closing !== null || this.#state === 'closed') throw this.#closedError();
    options.signal?.throwIfAborted();
    const session = this.#sessionFor(topic);
    const subscription = new ConduitSubscription<T>(topic, options, session.subscriptions);
    session.add(subscription);
    return subscription;
  }

  /**
   * Any request of the HTTP API, such as `request('GET', '/api/topics')`, with the client's key or token: the
   * body of its answer. Rejects with ConduitError; nothing is tried again.
   */
  request(method: string, path: string, options: RequestOptions = {}): Promise<unknown> {
    const { body, signal } = options;
    const sent =
      body === undefined ? {} : { body: JSON.stringify(body), contentType: 'application/json' };
    return this.#http.ask({ method, path, signal, ...sent });
  }

  /** Leaves subscriptions once what they have is dealt with, waits for publishes, and closes. */
  drain(timeoutMs = 30_000): Promise<void> {
    this.#closing ??= this.#drain(timeoutMs);
    return this.#closing;
  }

  /** At once: what was acknowledged is said, publishes that wait are rejected `closed`. */
  close(): Promise<void> {
    this.#close(null);
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain();
  }

  async #drain(timeoutMs: number): Promise<void> {
    if (this.#state === 'closed') return;
    this.#becomes('draining', null);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    const left = this.#sessions.map((session) => session.subscriptions.drain(timeoutMs));
    await Promise.race([Promise.all([...left, this.#publisher.empty()]), late]);
    clearTimeout(timer);
    this.#close(null);
  }

  #close(failure: ConduitError | null): void {
    if (this.#state === 'closed') return;
    this.#listening.abort();
    for (const session of [...this.#sessions]) session.close(failure);
    this.#becomes('closed', failure);
    this.#publisher.close(this.#closedError());
    for (const queue of [...this.#queues]) queue.end();
  }

  #publish(
    item: { topic: string; payload: unknown },
    options: DeferOptions,
  ): Promise<PublishResult | DeferResult> {
    return new Promise((resolve, reject) => {
      const { signal } = options;
      signal?.throwIfAborted();
      if (this.#state === 'closed') throw this.#closedError();
      const publisher = this.#publisher;
      publisher.checkRoom(1, 0);
      const timeoutMs = options.timeoutMs ?? this.#settings.publishTimeoutMs;
      const aborted = (publish: PendingPublish): void => publisher.forget(publish);
      const publish = new PendingPublish(
        publishingFrame(++this.#lastRef, item, options),
        { codec: this.#settings.codec, timeoutMs, signal },
        { resolve, reject, aborted },
      );
      publisher.checkRoom(1, publish.part.length);
      publisher.add(publish);
      this.#pumpLater();
    });
  }

  /** What is published in one go goes together. */
  #pumpLater(): void {
    if (this.#pump === 'waits') return;
    this.#pump = 'waits';
    queueMicrotask(() => {
      this.#pump = 'none';
      this.#publisher.pump();
    });
  }

  get #base(): string {
    const { urls } = this.#settings;
    return urls[this.#urlNo % urls.length] ?? '';
  }

  get #main(): ClientSession {
    const [main] = this.#sessions;
    if (main === undefined) throw this.#closedError();
    return main;
  }

  /** A session takes one subscription of a topic: another one has a session of its own. */
  #sessionFor(topic: string): ClientSession {
    const free = this.#sessions.find((session) => !session.subscriptions.has(topic));
    if (free !== undefined) return free;
    const session = this.#newSession('more');
    this.#sessions.push(session);
    void session.live();
    return session;
  }

  #newSession(kind: 'main' | 'more'): ClientSession {
    const session: ClientSession = new ClientSession({
      settings: this.#settings,
      credentials: this.#credentials,
      http: this.#http,
      base: () => this.#base,
      nextNode: () => {
        this.#urlNo++;
      },
      newRef: () => ++this.#lastRef,
      events: {
        state: (_from, to, error) => this.#sessionBecame(kind, { session, to, error }),
        retry: (attempt, delayMs, error) => {
          if (kind === 'main') this.#emit('reconnect', { attempt, delayMs, error });
        },
        error: (error) => this.#emit('error', error),
        gap: (gap) => this.#emit('gap', gap),
        emptied: () => {
          if (kind === 'more') session.close(null);
        },
        answered: (frame: ServerFrame) => this.#publisher.answered(frame),
      },
    });
    return session;
  }

  #sessionBecame(
    kind: 'main' | 'more',
    became: { session: ClientSession; to: SessionState; error: ConduitError | null },
  ): void {
    const { session, to, error } = became;
    if (to === 'closed') {
      if (session.failure !== null) this.#close(session.failure);
      const at = this.#sessions.indexOf(session);
      if (kind === 'more' && at > 0) this.#sessions.splice(at, 1);
      return;
    }
    if (kind === 'more') return;
    if (this.#state !== 'draining') this.#becomes(to, error);
    if (to === 'open') this.#publisher.pump();
    else this.#publisher.disconnected();
  }

  #becomes(to: ClientState, error: ConduitError | null): void {
    const from = this.#state;
    if (from === to || from === 'closed') return;
    this.#state = to;
    this.#emit('state', { from, to, error });
  }

  #emit<K extends keyof ClientEvents>(type: K, event: ClientEvents[K]): void {
    this.#events.emit(type, event);
    const isError = event instanceof ConduitError;
    const told = (isError ? { type, error: event } : { type, ...event }) as StatusEvent;
    for (const queue of this.#queues) queue.push(told);
  }

  #closedError(): ConduitError {
    return this.#sessions[0]?.failure ?? new ConduitError('closed', 'the client is closed');
  }

  /** To the user's signal; and to the browser, which says when it has a network, or a page is back. */
  #listen(signal: AbortSignal | undefined): void {
    const off = { signal: this.#listening.signal };
    if (signal?.aborted === true) this.#close(null);
    signal?.addEventListener('abort', () => this.#close(null), off);
    const nudge = (): void => {
      for (const session of [...this.#sessions]) session.nudge();
    };
    const { addEventListener: listen, document } = globalThis as {
      addEventListener?: EventTarget['addEventListener'];
      document?: EventTarget;
    };
    listen?.call(globalThis, 'online', nudge, off);
    document?.addEventListener('visibilitychange', nudge, off);
  }
}

function isStored(result: PublishResult | ConduitError): result is PublishResult {
  return !(result instanceof ConduitError);
}
