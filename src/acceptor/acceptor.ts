/**
 * The acceptor: one per thread. Puts the pieces of this folder together around one uWS App, and lives
 * through listen, drain and stop. No logic of its own.
 */
import uWS, { type us_listen_socket } from 'uWebSockets.js';
import type { Clock } from '../core/clock.js';
import { AcceptorCounts } from '../thread/acceptor-counts.js';
import type { AcceptorStart, FromThread, LeftOver, WorkerLink } from '../thread/control.js';
import type { AcceptorLinkEnd } from '../thread/link.js';
import type { FailedOp } from '../thread/ops/failed.js';
import type { SubscribedOp, UnsubscribedOp } from '../thread/ops/subscribe.js';
import {
  UNSUBSCRIBED_DELETED,
  UNSUBSCRIBED_TAKEN_OVER,
  UNSUBSCRIBED_TOPIC_DELETED,
} from '../thread/ops/subscribe.js';
import type { UnsubscribedReason } from '../wire/server-frame-types.js';
import { Deliveries } from './delivery/deliveries.js';
import { Bodies } from './http/bodies.js';
import { Callers } from './http/callers.js';
import { Guard } from './http/guard.js';
import { PacedAnswers } from './http/paced-answers.js';
import { mountRoutes } from './http/router.js';
import { Browsing } from './routes/browsing.js';
import { Control } from './routes/control.js';
import { PublishRoutes } from './routes/publish-routes.js';
import { SystemRoutes } from './routes/system-routes.js';
import { routeTable } from './routes/table/table.js';
import { SessionFrames } from './session/session-frames.js';
import { Sessions } from './session/sessions.js';
import { Streams } from './session/streams.js';
import { Subscriptions } from './session/subscriptions.js';
import { Publishing } from './workers/publishing.js';
import type { Waiting } from './workers/requests.js';
import { Workers } from './workers/workers.js';

/** How often a drain looks whether everything under way was answered. */
const DRAIN_POLL_MS = 10;
/** What is asked during a drain holds it up this long at most. */
const DRAIN_LATE_MS = 500;
/** After the sessions were told, this long for their close frames to go out. */
const DRAIN_GRACE_MS = 50;

/** The part of SHUTDOWN_TIMEOUT_MS that may pass until everything was answered; workers have the rest. */
const DRAIN_SHARE = 0.63;

const UNSUBSCRIBED_REASONS: Readonly<Record<number, UnsubscribedReason>> = {
  [UNSUBSCRIBED_TOPIC_DELETED]: 'topic_deleted',
  [UNSUBSCRIBED_TAKEN_OVER]: 'taken_over',
  [UNSUBSCRIBED_DELETED]: 'subscription_deleted',
};

export class Acceptor {
  readonly #start: AcceptorStart;
  readonly #app = uWS.App();
  readonly #workers: Workers;
  readonly #browsing: Browsing;
  readonly #publishing: Publishing;
  readonly #sessions: Sessions;
  readonly #streams: Streams;
  readonly #deliveries: Deliveries;
  readonly #subscriptions: Subscriptions;
  readonly #system: SystemRoutes;
  readonly #bodies: Bodies;
  readonly #answers: PacedAnswers;
  #listening: us_listen_socket | null = null;
  #state: 'open' | 'stopped' = 'open';

  readonly #drainMs: number;

  constructor(start: AcceptorStart, clock: Clock, tell: (message: FromThread) => void) {
    this.#start = start;
    const { config, version, startedAtMs } = start;
    const { limits, nodeId } = config;
    const inMemory = config.databaseUrl === null;
    this.#drainMs = start.config.limits.shutdownTimeoutMs * DRAIN_SHARE;
    const guard = new Guard((where, stack) => tell({ type: 'handler-fault', where, stack }));
    const onFault = (error: unknown): void => guard.caught('request', error);
    const counts = new AcceptorCounts(start.counts, start.index);
    this.#answers = new PacedAnswers({ limits, clock, guard, count: counts.unreadAnswerBytes });
    const parts = { callers: new Callers(config), answers: this.#answers };
    const bodies = new Bodies({ clock, onFault });
    this.#bodies = bodies;
    this.#workers = new Workers(config.workers, limits, guard);
    this.#publishing = new Publishing(this.#workers);
    this.#subscriptions = new Subscriptions({
      workers: this.#workers,
      guard,
      deliveries: () => this.#deliveries,
      receivers: () => this.#sessions.receivers(),
      clock,
    });
    const frames = new SessionFrames({
      workers: this.#workers,
      publishing: this.#publishing,
      subscriptions: this.#subscriptions,
      limits,
      guard,
      autoCreateTopics: config.autoCreateTopics,
    });
    this.#sessions = new Sessions({
      config,
      clock,
      guard,
      parts,
      count: counts.sessions,
      onMessage: (session, message, isBinary) => frames.receive(session, message, isBinary),
      onEnded: (session, abrupt) => frames.ended(session, abrupt),
    });
    this.#deliveries = this.#makeDeliveries(clock, guard);
    this.#sessions.deliveries = this.#deliveries;
    this.#workers.sink = this.#deliveries;
    this.#workers.onFailedAck = (op) => this.#ackFailed(op, guard);
    this.#streams = new Streams({
      guard,
      sessions: this.#sessions,
      subscriptions: this.#subscriptions,
      deliveries: () => this.#deliveries,
      limits,
      clock,
      count: counts.streams,
    });
    const browsing = new Browsing(this.#workers, start.browse, limits);
    this.#browsing = browsing;
    const control = new Control({ workers: this.#workers, limits, inMemory, browsing });
    this.#system = new SystemRoutes({ control, version, nodeId, startedAtMs, counts });
    const publishes = new PublishRoutes({ publishing: this.#publishing, limits, bodies });
    const [system, streams] = [this.#system, this.#streams];
    const routes = routeTable({ limits, nodeId, control, publishes, system, streams });
    this.#sessions.mount(this.#app);
    mountRoutes(this.#app, routes, { guard, parts, means: { bodies, limits, onFault } });
  }

  /** Links a worker, or the thread that took its place. */
  link(link: WorkerLink): void {
    this.#workers.connect(link);
  }

  workerGone(worker: number): void {
    this.#workers.disconnect(worker);
  }

  /** Resolves with the port; rejects when the port cannot be listened on. */
  listen(): Promise<number> {
    const { host, port } = this.#start.config;
    return new Promise((resolve, reject) => {
      this.#app.listen(host, port, (socket) => {
        if (socket === false) {
          reject(new Error(`cannot listen on ${host}:${port}`));
          return;
        }
        this.#listening = socket;
        resolve(port);
      });
    });
  }

  /** Refuses what is new, answers what is under way, tells the sessions to come back elsewhere. */
  async drain(): Promise<LeftOver> {
    this.#publishing.drain();
    this.#system.drain();
    const left = await this.#answered();
    if (this.#state === 'stopped') return left;
    this.#deliveries.flush();
    this.#sessions.drain();
    this.#streams.drain();
    await pause(DRAIN_GRACE_MS);
    return left;
  }

  /** Closes every socket and the App; the thread can end after it. */
  stop(): void {
    this.#state = 'stopped';
    this.#sessions.close();
    this.#streams.close();
    this.#bodies.close();
    this.#answers.close();
    if (this.#listening !== null) uWS.us_listen_socket_close(this.#listening);
    this.#app.close();
    this.#workers.closeAll();
    this.#browsing.close();
  }

  /**
   * Resolves once everything that is under way now was answered, and what came later too, if that is
   * soon: clients that go on asking must not hold up the end for ever. A database that does not answer must
   * not, either: what is then owed is left over.
   */
  async #answered(): Promise<LeftOver> {
    const { requests } = this.#workers;
    const owedNow = (): Set<object> => new Set([...requests.owed(), ...this.#browsing.owed()]);
    const lateUntilMs = performance.now() + DRAIN_LATE_MS;
    const untilMs = performance.now() + this.#drainMs;
    let owed = owedNow();
    const before = new Set(owed);
    while (this.#state !== 'stopped' && owed.size > 0) {
      await pause(DRAIN_POLL_MS);
      owed = owedNow();
      for (const one of before) if (!owed.has(one)) before.delete(one);
      if (before.size === 0 && performance.now() > lateUntilMs) return leftOver(0, 0);
      if (performance.now() > untilMs) return leftOver(requests.owedPublishes(), owed.size);
    }
    return leftOver(0, 0);
  }

  #makeDeliveries(clock: Clock, guard: Guard): Deliveries {
    let last = performance.eventLoopUtilization();
    const busyShare = (): number => {
      const { utilization } = performance.eventLoopUtilization(last);
      last = performance.eventLoopUtilization();
      return utilization;
    };
    return new Deliveries({
      app: this.#app,
      clock,
      guard,
      busyShare,
      onSubscribed: (op) => this.#workers.answer(op.request, op, tellSubscribed),
      onUnsubscribed: (link, op) => this.#unsubscribed(link, op),
      onGap: (link, op) => this.#subscriptions.gapTold(link, op),
      onLinked: (link) => this.#subscriptions.linked(link),
      onUnlinked: (link) => this.#subscriptions.unlinked(link),
      onTurnEnd: () => this.#sessions.flush(),
    });
  }

  #ackFailed({ session, code, detail }: FailedOp, guard: Guard): void {
    const receiver = this.#sessions.receiver(session);
    if (receiver === undefined) return;
    try {
      receiver.refuse(code, detail, null);
    } catch (error) {
      guard.broken('answer', receiver, error);
    }
  }

  #unsubscribed(link: AcceptorLinkEnd, op: UnsubscribedOp): void {
    if (op.request !== 0) {
      this.#workers.answer(op.request, op, tellUnsubscribed);
      return;
    }
    const subscription = this.#deliveries.byNumber(op.subscription);
    if (subscription?.link !== link) return;
    this.#deliveries.forget(subscription);
    const { receiver, topic } = subscription;
    receiver.pardon();
    const reason = UNSUBSCRIBED_REASONS[op.reason];
    const name = subscription.name ?? undefined;
    receiver.sendFrame({ type: 'unsubscribed', topic, subscription: name, reason });
    if (op.reason === UNSUBSCRIBED_TOPIC_DELETED) receiver.topicDeleted();
  }
}

const tellSubscribed = (waiting: Waiting, op: SubscribedOp): void => waiting.subscribed(op);
const tellUnsubscribed = (waiting: Waiting, op: UnsubscribedOp): void => waiting.unsubscribed(op);

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function leftOver(publishes: number, owed: number): LeftOver {
  return { publishes, requests: owed - publishes, cursors: 0, acks: 0 };
}
