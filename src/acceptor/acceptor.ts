/**
 * The acceptor: one per thread. Puts the pieces of this folder together around its uWS Apps, and lives
 * through listen, drain and stop. What is done with what comes is theirs.
 */
import type { Config } from '../config/config.js';
import type { Clock } from '../core/clock.js';
import type { Happening } from '../core/happening.js';
import { Happenings } from '../core/happenings.js';
import { hasPeerLink } from '../core/peer.js';
import type { TenantQuotas } from '../core/quotas.js';
import type { WebhookChanges } from '../core/webhook-record.js';
import type { Spans } from '../observe/spans.js';
import { type AcceptorCounts, acceptorCounts, acceptorFigures } from '../thread/acceptor-counts.js';
import type { AcceptorStart, FromThread, LeftOver, WorkerLink } from '../thread/control.js';
import { Lease } from '../thread/lease.js';
import { leaseOf, type NodeMemory, nodeFigures } from '../thread/node-memory.js';
import { processLoad } from '../thread/process-load.js';
import { RosterPort } from '../thread/roster-port.js';
import type { SessionAsk, SessionsTold } from '../thread/session-calls.js';
import { AcceptLimit } from './accept-limit.js';
import { AcceptorApps } from './acceptor-apps.js';
import { AcceptorMetrics } from './acceptor-metrics.js';
import { Deliveries, type DeliveriesOptions } from './delivery/deliveries.js';
import { threadLoad } from './delivery/thread-load.js';
import { Drain, pause } from './drain.js';
import { Hooks } from './hooks.js';
import { Bodies } from './http/bodies.js';
import { Callers } from './http/callers.js';
import { Guard, type OnFault } from './http/guard.js';
import { LoginCookies } from './http/login-cookie.js';
import { metricsGate } from './http/metrics-gate.js';
import { PacedAnswers } from './http/paced-answers.js';
import { Proxies } from './http/proxies.js';
import type { Route } from './http/route.js';
import { mountRoutes, type RouterParts } from './http/router.js';
import { DASHBOARD_FOLDER, StaticFiles } from './http/static-files.js';
import { Traffic } from './http/traffic.js';
import { Keys, type KeysOptions } from './keys.js';
import { Control } from './routes/control.js';
import { ForwardRoutes, type ForwardRoutesOptions } from './routes/forward-routes.js';
import { LogReads } from './routes/log-reads.js';
import { LoginRoutes } from './routes/login-routes.js';
import { PublishRoutes } from './routes/publish-routes.js';
import { PullRoutes } from './routes/pull-routes.js';
import { SessionRoutes } from './routes/session-routes.js';
import { SystemRoutes, type SystemRoutesOptions } from './routes/system-routes.js';
import { routeTable } from './routes/table/table.js';
import { Pulls, type PullsOptions } from './session/pulls.js';
import { Refreshes } from './session/refreshes.js';
import { SessionFrames, type SessionFramesOptions } from './session/session-frames.js';
import { SessionList } from './session/session-list.js';
import { Sessions } from './session/sessions.js';
import { Streams, type StreamsOptions } from './session/streams.js';
import { Subscriptions } from './session/subscriptions.js';
import { Watches, type WatchesOptions } from './watch/watches.js';
import { PublishGate } from './workers/publish-gate.js';
import { PublishTraces } from './workers/publish-traces.js';
import { Workers } from './workers/workers.js';

/** After the sessions were told, this long for their close frames to go out. */
const DRAIN_GRACE_MS = 50;
/** What METRICS_PORT has of the routes. */
const METRICS_PATH = '/metrics';

export interface AcceptorParts {
  clock: Clock;
  /** Null: spans are not made. */
  spans: Spans | null;
  tell: (message: FromThread) => void;
}

export class Acceptor {
  readonly #apps: AcceptorApps;
  readonly #workers: Workers;
  readonly #browsing: LogReads;
  readonly #publishing: PublishGate;
  readonly #sessions: Sessions;
  readonly #streams: Streams;
  readonly #pulls: Pulls;
  readonly #hooks: Hooks;
  readonly #sessionList: SessionList;
  readonly #roster: RosterPort;
  readonly #deliveries: Deliveries;
  readonly #subscriptions: Subscriptions;
  readonly #system: SystemRoutes;
  readonly #bodies: Bodies;
  readonly #answers: PacedAnswers;
  readonly #drain: Drain;
  readonly #keys: Keys;
  readonly #forwards: ForwardRoutes;
  readonly #traffic = new Traffic();
  readonly #metrics: AcceptorMetrics;
  readonly #happenings: Happenings;
  readonly #watches: Watches;

  constructor(start: AcceptorStart, { clock, spans, tell }: AcceptorParts) {
    const { config } = start;
    const { limits, nodeId, acceptors } = config;
    this.#apps = new AcceptorApps(config);
    this.#happenings = new Happenings(clock, (all) => tell({ type: 'happened', all }));
    const inMemory = config.databaseUrl === null;
    const guard = guardOf(tell);
    const onFault: OnFault = (error, requestId) => guard.caught('request', error, requestId);
    const counts = acceptorCounts(start.memory.counts, start.index);
    this.#answers = new PacedAnswers({ limits, clock, guard, count: counts.unreadAnswerBytes });
    const [callers, proxies] = [new Callers(config), new Proxies(config)];
    const cookies = new LoginCookies({ callers, proxies });
    this.#keys = this.#makeKeys(start, cookies, { clock, guard });
    const { gate, directory, mint, audit, quotas } = this.#keys;
    const [answers, traffic] = [this.#answers, this.#traffic];
    const parts = { callers, proxies, answers, audit, quotas, traffic };
    const bodies = new Bodies({ clock, gate, onFault });
    this.#bodies = bodies;
    this.#workers = new Workers(config.workers, limits, guard);
    this.#publishing = new PublishGate(this.#workers, quotas, PublishTraces.of(spans, limits));
    this.#subscriptions = new Subscriptions({
      ...{ workers: this.#workers, guard, clock, quotas, audit },
      deliveries: () => this.#deliveries,
      receivers: () => this.#sessions.receivers(),
    });
    const frames = this.#makeFrames(config, { guard, audit });
    this.#sessions = new Sessions({
      ...{ config, clock, guard, gate, proxies, quotas, parts, count: counts.sessions },
      onMessage: (session, message, type) => frames.receive(session, message, type),
      onEnded: (session, end) => frames.ended(session, end),
      happened: this.#happenings.add,
    });
    this.#deliveries = this.#makeDeliveries({ clock, guard, quotas, memory: start.memory });
    this.#sessions.deliveries = this.#deliveries;
    this.#workers.sink = this.#deliveries;
    this.#workers.onFailedAck = (op) => frames.ackFailed(this.#sessions.receiver(op.session), op);
    this.#streams = this.#makeStreams({ guard, limits, clock, proxies, count: counts.streams });
    this.#pulls = this.#makePulls({ guard, limits, clock, acceptor: start.index });
    const ofThread = { sessions: this.#sessions, workers: this.#workers, seat: start };
    const [shared, subscriptions] = [this.#sessions, this.#subscriptions];
    this.#hooks = new Hooks(start, { guard, clock, audit, sessions: shared, subscriptions });
    this.#sessionList = new SessionList(ofThread);
    this.#roster = new RosterPort(start.roster);
    const sessions = new SessionRoutes(this.#roster);
    const browsing = new LogReads(this.#workers, start.browse, limits);
    this.#browsing = browsing;
    this.#drain = new Drain({ requests: this.#workers.requests, browsing, frames, limits });
    const control = new Control({ workers: this.#workers, limits, inMemory, browsing, gate });
    this.#forwards = forwardRoutes(start, { bodies, refused: counts.refusedForwards, tell });
    this.#metrics = this.#makeMetrics(start, counts);
    const [metrics, roster] = [this.#metrics.page, this.#roster];
    this.#system = systemRoutes(start, { control, counts, clock, metrics, roster }, tell);
    const publishes = new PublishRoutes({ publishing: this.#publishing, limits, bodies });
    const pulls = new PullRoutes({ pulls: this.#pulls, bodies, proxies, limits });
    const logins = new LoginRoutes({ clock, limits, acceptors, directory, cookies, proxies });
    const files = new StaticFiles(DASHBOARD_FOLDER);
    this.#watches = this.#makeWatches(start, files.entry, { clock, guard, control });
    const [system, streams, forwards] = [this.#system, this.#streams, this.#forwards];
    const hooks = this.#hooks.routes(control);
    const asks = { control, directory, mint, logins, watches: this.#watches, ...hooks };
    const served = { publishes, pulls, sessions, system, streams, files, forwards };
    const routes = routeTable({ limits, nodeId, version: start.version, ...asks, ...served });
    const count = counts.refusedConnections;
    const accepts = new AcceptLimit({ limits, acceptors, clock, guard, proxies, count });
    const by = { guard, gate, parts, page: files.page, means: { bodies, limits, onFault } };
    this.#mountAll(routes, by, accepts);
    this.#mountMetrics(routes, { ...by, gate: metricsGate(config.metricsToken) });
    this.quotasChanged(start.quotas);
    this.webhooksChanged({ put: start.sendsFor, gone: [] });
  }

  #mountAll(routes: readonly Route[], by: RouterParts, accepts: AcceptLimit): void {
    this.#apps.mount((app) => {
      accepts.mount(app);
      this.#sessions.mount(app);
      mountRoutes(app, routes, by);
    });
  }

  #mountMetrics(routes: readonly Route[], by: RouterParts): void {
    this.#traffic.mount(routes);
    const shown = routes.filter(({ path }) => path === METRICS_PATH);
    this.#metrics.mount((app) => mountRoutes(app, shown, { ...by, page: () => false }));
  }

  #makeMetrics(start: AcceptorStart, counts: AcceptorCounts): AcceptorMetrics {
    return new AcceptorMetrics(start, {
      traffic: this.#traffic,
      delivered: () => this.#deliveries.delivered,
      webhooks: () => this.#hooks.samples(),
      shared: () => acceptorFigures(counts),
    });
  }

  /** Links a worker, or the thread that took its place. */
  link(link: WorkerLink): void {
    this.#workers.connect(link);
  }

  workerGone(worker: number): void {
    this.#workers.disconnect(worker);
  }

  /** API keys are other than they were, or gone; null: any may be. */
  keysChanged(ids: readonly string[] | null): void {
    this.#keys.changed(ids);
  }

  /** On this node, for whoever looks at it. */
  happened(all: readonly Happening[]): void {
    this.#watches.happened(all);
  }

  /** These tenants have quotas from now on, and no others. */
  quotasChanged(all: readonly TenantQuotas[]): void {
    this.#keys.quotas.changed(all);
  }

  /** Of the webhooks that it sends for. */
  webhooksChanged(changes: WebhookChanges): void {
    this.#hooks.changed(changes);
  }

  /** About the sessions of this thread. */
  sessions(ask: SessionAsk): Promise<SessionsTold> {
    return this.#sessionList.answer(ask);
  }

  /** Resolves with the port; rejects when the port cannot be listened on. */
  async listen(): Promise<number> {
    const port = await this.#apps.listen();
    await this.#metrics.listen();
    return port;
  }

  /** Another certificate for who connects from now on; rejects, and the one before stays. */
  reloadCertificate(): Promise<void> {
    return this.#apps.reload();
  }

  /** Reads what came, answers what is under way, refuses the new, sends the sessions elsewhere. */
  async drain(): Promise<LeftOver> {
    this.#system.drain();
    this.#pulls.answerAll();
    await this.#drain.read();
    this.#publishing.drain();
    const left = await this.#drain.answered();
    if (this.#drain.isStopped) return left;
    this.#deliveries.flush();
    this.#sessions.drain();
    this.#streams.drain();
    this.#pulls.drain();
    await this.#hooks.drain();
    await Promise.all([pause(DRAIN_GRACE_MS), this.#keys.drained()]);
    return left;
  }

  /** Closes every socket and the App; the thread can end after it. */
  stop(): void {
    this.#drain.stop();
    this.#sessions.close();
    this.#streams.close();
    this.#pulls.close();
    this.#hooks.close();
    this.#watches.close();
    this.#happenings.close();
    this.#bodies.close();
    this.#answers.close();
    this.#apps.close();
    this.#metrics.close();
    this.#workers.closeAll();
    this.#browsing.close();
    this.#forwards.close();
    this.#keys.close();
    this.#roster.close();
  }

  /** Writes what this acceptor says of itself; to be called once a second. */
  sample(): void {
    this.#metrics.sample();
  }

  #makeFrames(config: Config, by: Pick<SessionFramesOptions, 'guard' | 'audit'>): SessionFrames {
    return new SessionFrames({
      ...by,
      workers: this.#workers,
      publishing: this.#publishing,
      subscriptions: this.#subscriptions,
      refreshes: this.#makeRefreshes(by.guard),
      limits: config.limits,
      autoCreateTopics: config.autoCreateTopics,
    });
  }

  #makeRefreshes(guard: Guard): Refreshes {
    return new Refreshes({
      ...{ guard, subscriptions: this.#subscriptions },
      admit: (token, admitted) => this.#keys.admitToken(token, admitted),
      renew: (session, principal) => this.#sessions.renew(session, principal),
    });
  }

  #makeStreams(
    parts: Pick<StreamsOptions, 'guard' | 'limits' | 'clock' | 'proxies' | 'count'>,
  ): Streams {
    return new Streams({
      ...parts,
      sessions: this.#sessions,
      subscriptions: this.#subscriptions,
      deliveries: () => this.#deliveries,
    });
  }

  #makePulls(parts: Pick<PullsOptions, 'guard' | 'limits' | 'clock' | 'acceptor'>): Pulls {
    const [sessions, subscriptions] = [this.#sessions, this.#subscriptions];
    return new Pulls({ ...parts, sessions, subscriptions, workers: this.#workers });
  }

  #makeWatches(
    { memory, config, version }: AcceptorStart,
    page: string | null,
    parts: Pick<WatchesOptions, 'clock' | 'guard' | 'control'>,
  ): Watches {
    const hello = { node: config.nodeId, version, page };
    const [system, streams] = [this.#system, this.#streams];
    return new Watches({ ...parts, system, streams, history: memory.history, hello });
  }

  #makeKeys(
    start: AcceptorStart,
    cookies: LoginCookies,
    parts: Pick<KeysOptions, 'clock' | 'guard'>,
  ): Keys {
    return new Keys(start, {
      ...{ ...parts, config: start.config, cookies },
      onOver: (id) => this.#sessions.keyOver(id),
      inUse: (tenant) => {
        const all = [...this.#sessions.receivers()];
        const own = all.filter(({ principal }) => principal.tenant === tenant);
        const subscriptions = own.reduce((sum, one) => sum + one.subscriptions.size, 0);
        return { sessions: own.length, subscriptions };
      },
      storedBytes: async (tenant) => {
        const logs = await this.#browsing.all('log.totals', { tenant });
        return logs.reduce((sum, { bytes }) => sum + bytes, 0);
      },
      onTurn: () => this.#deliveries.quotasLeased(),
    });
  }

  #makeDeliveries({
    memory,
    ...parts
  }: Pick<DeliveriesOptions, 'clock' | 'guard' | 'quotas'> & { memory: NodeMemory }): Deliveries {
    return new Deliveries({
      ...parts,
      sockets: this.#apps,
      busyShare: threadLoad(),
      onSubscribed: (op) => this.#subscriptions.subscribedTold(op),
      onUnsubscribed: (link, op) => this.#subscriptions.unsubscribedTold(link, op),
      onGap: (link, op) => this.#subscriptions.gapTold(link, op),
      onLinked: (link) => this.#subscriptions.linked(link),
      onUnlinked: (link) => this.#subscriptions.unlinked(link),
      leaseOf: (place) => leaseOf(memory, place),
      onTurnEnd: () => this.#sessions.flush(),
    });
  }
}

function systemRoutes(
  { config, version, bootId, startedAtMs, memory }: AcceptorStart,
  parts: Pick<SystemRoutesOptions, 'control' | 'counts' | 'clock' | 'metrics' | 'roster'>,
  tell: (message: FromThread) => void,
): SystemRoutes {
  const { nodeId: id, nodeAddr: addr, databaseUrl } = config;
  const node = { id, bootId, addr, forwardUrl: null, version };
  return new SystemRoutes({
    ...{ ...parts, startedAtMs, node },
    ...{ figures: () => nodeFigures(memory), load: () => processLoad(memory) },
    drainItself: () => tell({ type: 'to-drain' }),
    lease: databaseUrl === null ? null : new Lease(memory.lease),
    durables: hasPeerLink(config) ? 'coordinated' : 'last asked',
  });
}

function forwardRoutes(
  { door, config }: AcceptorStart,
  {
    tell,
    ...parts
  }: Pick<ForwardRoutesOptions, 'bodies' | 'refused'> & {
    tell: (message: FromThread) => void;
  },
): ForwardRoutes {
  return new ForwardRoutes({
    ...{ ...parts, door, secret: config.internalSecret },
    onTrouble: (trouble, times) => tell({ type: 'trouble', trouble, times }),
  });
}

function guardOf(tell: (message: FromThread) => void): Guard {
  return new Guard((where, stack, requestId) => {
    tell({ type: 'handler-fault', where, stack, requestId });
  });
}
