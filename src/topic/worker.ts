/**
 * The topic worker: one per thread. Puts the pieces of this folder together, connects the links, and is
 * the sink of the log.
 */

import type { MessagePort } from 'node:worker_threads';
import type { PeerLinks } from '../backplane/peer-links.js';
import type { Config } from '../config/config.js';
import type { BackplaneState } from '../core/backplane-figures.js';
import type { Clock } from '../core/clock.js';
import type { ErrorCode } from '../core/errors.js';
import { RequestError } from '../core/errors.js';
import type { Happened } from '../core/happening.js';
import type { LogState } from '../core/log-figures.js';
import type { Peer } from '../core/peer.js';
import { BEAT_MS } from '../core/peer-link.js';
import type { TopicKey } from '../core/topic-key.js';
import type { TopicRecord } from '../core/topic-record.js';
import { CALL_TURNS, SESSION_TURNS, Turns } from '../core/turns.js';
import { BrowseCalls } from '../log/contract/browse-calls.js';
import { FoldedReads } from '../log/contract/folded-reads.js';
import type {
  FirstResult,
  LogPage,
  LogSink,
  MessageLog,
  ReadRange,
  TopicCommit,
  TopicRelease,
} from '../log/contract/message-log.js';
import type { Lease } from '../thread/lease.js';
import { Calls } from './calls/calls.js';
import { DeadLetterCalls } from './calls/dead-letter-calls.js';
import { SubscriptionCalls, type SubscriptionHandlers } from './calls/subscription-calls.js';
import { TokenCalls } from './calls/token-calls.js';
import { TopicNewsReport } from './calls/topic-news.js';
import { Delivery } from './delivery/delivery.js';
import { LocalOutlet } from './delivery/local-outlet.js';
import { leaseRights } from './log/dispatch-rights.js';
import { FollowedDatabase, type FollowedOptions } from './log/followed-database.js';
import { type Others, type OthersWay, othersOf, type TakeIn } from './log/others.js';
import { readsOf, type TopicReads } from './log/placed-reads.js';
import type { PublishUnderWay } from './log/publishes.js';
import { Publishes } from './log/publishes.js';
import type { Unsaved } from './log/saves.js';
import { Operations } from './operations.js';
import { Peers } from './peers/peers.js';
import { Figures } from './state/figures.js';
import { HotCacheBudget } from './state/hot-cache.js';
import { Topics, type TopicsOptions } from './state/topics.js';
import { WorkerSessions } from './state/worker-sessions.js';
import { SubscriptionRequests } from './subscriptions/subscription-requests.js';
import { WorkerMetrics } from './worker-metrics.js';

export interface WorkerOptions extends Pick<TopicsOptions, 'spans'> {
  config: Config;
  clock: Clock;
  /** Names this run of this worker among all: session names in traces begin with it. */
  origin: string;
  /** Whether this worker has the topic. */
  owns: (key: TopicKey) => boolean;
  /** Makes the log around the worker's sink. */
  openLog: (sink: LogSink<PublishUnderWay>) => MessageLog<PublishUnderWay>;
  /** Pages for catch-up; null: by the log itself. */
  coldRead: ((range: ReadRange) => Promise<LogPage>) | null;
  /** The way to other nodes; null: there is none. */
  backplane: OthersWay | null;
  /** Null: there is a database. */
  takeIn: TakeIn | null;
  /** Workers of other nodes, and this node's lease among them by database; null: there is no link to them. */
  peers: { links: PeerLinks; leases: readonly Lease[] } | null;
  onLogState: (state: LogState, detail: string, place: number) => void;
  /** Something failed that is tried again. */
  onTrouble: (what: string, error: unknown) => void;
  /** The database of that place is open, and was asked with success. */
  onWell: (place: number) => void;
  onUnsaved: (unsaved: Unsaved) => void;
  /** For whoever looks at the node. */
  happened?: Happened;
  /** A bug: the thread must end. */
  onBug: (error: unknown) => void;
}

export class Worker implements LogSink<PublishUnderWay> {
  readonly #options: WorkerOptions;
  readonly #log: MessageLog<PublishUnderWay>;
  readonly #topics: Topics;
  readonly #heads: TopicReads<TopicRecord>;
  readonly #others: Others | null;
  readonly #delivery: Delivery;
  readonly #publishes: Publishes;
  readonly #subscribing: SubscriptionRequests;
  readonly #operations: Operations;
  readonly #figures: Figures;
  readonly news: TopicNewsReport;
  /** By place. */
  readonly #databases: readonly FollowedDatabase[];
  readonly #letterCalls: DeadLetterCalls;
  /** For GET /metrics. */
  readonly metrics: WorkerMetrics;
  readonly #peers: Peers | null;
  #doubts: NodeJS.Timeout | null = null;
  #isStopped = false;
  /** By the number of the acceptor. */
  readonly #outlets = new Map<number, LocalOutlet>();

  constructor(options: WorkerOptions) {
    this.#options = options;
    const { config, clock, onBug } = options;
    // What is no answer of the log is a fault of ours: tried again, it would fail for ever.
    const onTrouble = (what: string, error: unknown): void => {
      if (error instanceof RequestError) options.onTrouble(what, error);
      else onBug(error);
    };
    const log = options.openLog(this);
    this.#log = log;
    const records = new FoldedReads((keys: readonly TopicKey[]) => log.findTopics(keys));
    this.#figures = new Figures(clock, options.happened);
    this.#topics = new Topics({
      find: (key) => records.read(key),
      epochOf: (topicId) => log.epochOf(topicId),
      budget: new HotCacheBudget(config.limits.hotCacheBytesMax),
      clock,
      ...{ figures: this.#figures, spans: options.spans },
      onReplaced: (topic) => this.#subscribing.topicGone(topic),
    });
    this.news = new TopicNewsReport(this.#topics, this.#figures);
    const databases = log.databases.length;
    const placeOf = databases === 1 ? null : (topicId: number) => log.placeOf(topicId);
    this.#heads = readsOf((ids) => log.heads(ids), placeOf);
    this.#others = this.#makeOthers((error) => onTrouble('heads of topics', error));
    this.#delivery = this.#makeDelivery(onTrouble, placeOf);
    this.#subscribing = new SubscriptionRequests({
      log,
      topics: this.#topics,
      sessions: new WorkerSessions(),
      heads: this.#heads,
      turns: new Turns(SESSION_TURNS),
      delivery: this.#delivery,
      clock,
      limits: config.limits,
      workers: config.workers,
      origin: options.origin,
      abroad: () => this.#peers?.abroad ?? null,
      onBug,
    });
    this.#publishes = new Publishes({
      log,
      topics: this.#topics,
      records,
      clock,
      limits: config.limits,
      onCommitted: (topic, rows) => this.#delivery.accept(topic, rows),
      onAnnounced: (epoch, rows) => this.#others?.committed(epoch, rows),
      onTopicGone: (topic) => this.#subscribing.topicGone(topic),
      onBug,
    });
    this.#letterCalls = this.#makeLetterCalls();
    this.#operations = new Operations({
      log,
      publishes: this.#publishes,
      subscribing: this.#subscribing,
      delivery: this.#delivery,
      calls: this.#makeCalls(),
      abroad: () => this.#peers?.abroad ?? null,
      onBug,
    });
    this.#peers = this.#makePeers();
    this.#databases = this.#follow(databases, onTrouble);
    this.metrics = this.#makeMetrics();
  }

  #makeMetrics(): WorkerMetrics {
    return new WorkerMetrics({
      ...{ log: this.#log, topics: this.#topics, figures: this.#figures },
      ...{ published: this.#publishes.figures, delivery: this.#delivery },
      clock: this.#options.clock,
      headsMs: () => this.#headsMs,
      backplane: () => this.#others?.figures ?? null,
    });
  }

  #makeDelivery(
    onTrouble: (what: string, error: unknown) => void,
    placeOf: ((topicId: number) => number) | null,
  ): Delivery {
    const { config, clock, coldRead, onBug, peers } = this.#options;
    const log = this.#log;
    const watchOf = (place: number) => this.#databases[place]?.watch ?? null;
    return new Delivery({
      clock,
      limits: config.limits,
      topics: this.#topics,
      store: log.subscriptions,
      read: coldRead ?? ((range) => log.read(range)),
      readNewest: (range) => log.read(range),
      others: this.#others,
      audience: (topic) => {
        this.#others?.audience(topic);
        if (topic.subscriptions.size === 0 || log.mode === 'memory') return;
        this.#databases[log.placeOf(topic.id)]?.heads.subscribed(topic);
      },
      onLost: (tracker) => {
        this.#subscribing.termLost(tracker).catch(onBug);
      },
      ...(peers === null ? {} : { rights: leaseRights((id) => log.placeOf(id), watchOf) }),
      ...(placeOf === null ? {} : { placeOf }),
      onSilent: (subscription) => {
        this.#subscribing.silent(subscription);
        const silence = `nobody answers for a session with ${subscription.topic.name}`;
        onTrouble('asking how a session stands', new RequestError('busy', silence));
      },
      onGuestsOnly: (tracker) => this.#subscribing.letGo(tracker),
      onTrouble,
    });
  }

  /** Since the heads of any of the databases were looked at; null: of none yet. */
  get #headsMs(): number | null {
    const all = this.#databases.flatMap(({ heads }) => heads.sinceMs ?? []);
    return all.length === 0 ? null : Math.min(...all);
  }

  #makePeers(): Peers | null {
    const { peers, clock, origin, onBug } = this.#options;
    if (peers === null) return null;
    return new Peers({
      ...{ clock, onBug, links: peers.links, handler: this.#operations },
      nameOf: (outlet, session) => `${origin}/${outlet.number}/${session}`,
      reopen: (one) => this.#subscribing.reopen(one),
      onClosed: (outlet) => this.#subscribing.outletClosed(outlet),
      onCredit: (outlet) => this.#delivery.hasCredit(outlet),
    });
  }

  #makeOthers(onHeadFailed: (error: unknown) => void): Others | null {
    const { backplane: way, clock, takeIn, config } = this.#options;
    return othersOf({
      ...{ way, takeIn, clock, topics: this.#topics, heads: this.#heads, onHeadFailed },
      payloadBytesMax: config.limits.payloadBytesMax,
      onTold: (topic, rows) => this.#delivery.told(topic, rows),
      onTakenIn: (topic, rows) => this.#delivery.accept(topic, rows),
      onHead: (topic, lastSequence) => this.#delivery.headSeen(topic, lastSequence),
      onSuspicion: (how) => {
        for (const { heads } of this.#databases) {
          if (how === 'soon') heads.soon();
          else heads.now();
        }
      },
    });
  }

  #follow(
    databases: number,
    onTrouble: (what: string, error: unknown) => void,
  ): FollowedDatabase[] {
    const { clock, onWell, peers } = this.#options;
    const options: FollowedOptions<PublishUnderWay> = {
      ...{ clock, onWell, log: this.#log, topics: this.#topics },
      isAlone: () => this.#others?.tell() === false,
      held: () => this.#delivery.allHeld(),
      onLost: (tracker, why) => this.#subscribing.lost(tracker, why),
      onHeld: () => this.#delivery.goOn(),
      redriven: (place) => this.#delivery.checkRedriven(place),
      onHead: (topic, record) => this.#delivery.headSeen(topic, record.lastSequence),
      onGone: (topic) => this.#subscribing.topicGone(topic),
      onBrought: (topics) => {
        this.#subscribing.broughtOver(topics);
        this.#others?.moved(topics.map(({ topic }) => topic));
      },
      onFailed: onTrouble,
    };
    return Array.from({ length: databases }, (_, place) => {
      const lease = peers?.leases[place] ?? null;
      return new FollowedDatabase({ place, of: databases }, lease, options);
    });
  }

  #subscriptionHandlers(): SubscriptionHandlers & TokenCalls['handlers'] {
    const options = {
      log: this.#log,
      topics: this.#topics,
      delivery: this.#delivery,
      subscribing: this.#subscribing,
      clock: this.#options.clock,
      peers: () => this.#peers,
    };
    return { ...new SubscriptionCalls(options).handlers, ...new TokenCalls(options).handlers };
  }

  #makeLetterCalls(): DeadLetterCalls {
    const { clock, owns, onTrouble } = this.#options;
    return new DeadLetterCalls({
      log: this.#log,
      topics: this.#topics,
      delivery: this.#delivery,
      clock,
      owns,
      onFailed: (error) => onTrouble('redriving dead letters', error),
    });
  }

  #makeCalls(): Calls {
    const log = this.#log;
    return new Calls({
      ...{ log, topics: this.#topics, figures: this.#figures },
      turns: new Turns(CALL_TURNS),
      clock: this.#options.clock,
      browse: log.mode === 'memory' ? new BrowseCalls(log) : null,
      onTopicGone: (topic) => this.#subscribing.topicGone(topic),
      headsMs: () => this.#headsMs,
      backplane: () => this.#others?.figures ?? null,
      others: { ...this.#subscriptionHandlers(), ...this.#letterCalls.handlers },
    });
  }

  /** For other nodes; null: there is nothing between them and this one. */
  get marks(): { topics: number; backplane: BackplaneState | null } {
    return { topics: this.#topics.size, backplane: this.#others?.figures.state ?? null };
  }

  /** Connects the log; rejects when it cannot be used. */
  async start(): Promise<void> {
    await this.#log.open();
    if (this.#isStopped) return;
    if (this.#log.mode === 'postgres') for (const { heads } of this.#databases) heads.start();
    this.#others?.start();
    this.#peers?.start();
    if (this.#options.peers === null) return;
    this.#doubts = setInterval(() => {
      for (const { watch, heads } of this.#databases) if (watch?.isInDoubt === true) heads.now();
    }, BEAT_MS);
  }

  /** The nodes that live, this one among them. */
  place(living: readonly Peer[]): void {
    this.#peers?.place(living);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#doubts !== null) clearInterval(this.#doubts);
    for (const database of this.#databases) database.stop();
    this.#letterCalls.stop();
    const { config, onUnsaved } = this.#options;
    onUnsaved(await this.#delivery.stop(config.limits.shutdownTimeoutMs));
    // Last: until then it tells what is still committed.
    await this.#log.close();
    this.#peers?.stop();
    this.#others?.stop();
    // What close answered is posted before the ports end.
    await new Promise((resolve) => setImmediate(resolve));
    for (const outlet of this.#outlets.values()) outlet.close();
  }

  /** A link to an acceptor; replaces the one to the thread that had this index before. */
  connect(acceptor: number, port: MessagePort): void {
    const old = this.#outlets.get(acceptor);
    if (old !== undefined) {
      this.#subscribing.outletClosed(old);
      old.close();
    }
    const { limits } = this.#options.config;
    const outlet = new LocalOutlet({ port, acceptor, limits, handler: this.#operations });
    this.#outlets.set(acceptor, outlet);
  }

  committed(commit: TopicCommit<PublishUnderWay>): void {
    this.#publishes.committed(commit);
  }

  duplicate(append: PublishUnderWay, first: FirstResult): void {
    this.#publishes.duplicate(append, first);
  }

  failed(append: PublishUnderWay, code: ErrorCode, detail: string): void {
    this.#publishes.failed(append, code, detail);
  }

  /** A topic that has not come over to that log yet will read them. */
  released({ topicId, epoch, rows }: TopicRelease): void {
    this.#others?.committed(epoch, () => rows);
    const topic = this.#topics.byId(topicId);
    if (topic?.epoch === epoch) this.#delivery.accept(topic, rows);
  }

  headsMoved(_topicIds: readonly number[] | null, place = 0): void {
    this.#databases[place]?.heads.now();
  }

  stateChanged(state: LogState, detail: string, place = 0): void {
    this.#options.onLogState(state, detail, place);
    if (state === 'open') this.#databases[place]?.heads.now();
  }

  epochChanged(place = 0): void {
    this.#databases[place]?.resync.now();
  }
}
