/**
 * The threads of the node: starts them, links every acceptor to every worker, replaces the one that
 * dies, drains and stops them. Owned by the main thread. A thread that dies more than DEATHS_MAX
 * times in a minute ends the node rather than let it limp.
 */
import { type MessagePort, Worker } from 'node:worker_threads';
import { type Config, EXIT_LATER } from '../config/config.js';
import { systemClock } from '../core/clock.js';
import type { Happening } from '../core/happening.js';
import { Happenings } from '../core/happenings.js';
import type { Peer } from '../core/peer.js';
import type { TenantQuotas } from '../core/quotas.js';
import { SharedCount } from '../core/shared-count.js';
import type { WebhookRecord } from '../core/webhook-record.js';
import { messageOf } from '../log/contract/log-errors.js';
import type { Logger } from '../observe/logger.js';
import { Outages, type Trouble } from '../observe/outages.js';
import type { AcceptorStart, FromThread, LeftOver, WorkerStart } from '../thread/control.js';
import type { NodeMemory } from '../thread/node-memory.js';
import { processMs } from '../thread/process-clock.js';
import { Cluster } from './cluster.js';
import { WORKER_HEAP } from './heap-growth.js';
import { leftOverLine, sumOf } from './left-over.js';
import type { NodeDoor } from './node-door.js';
import { tellMoves } from './node-moves.js';
import {
  DEATHS_MAX,
  haltSeat,
  link,
  makeSeats,
  mayRestart,
  nameOf,
  post,
  postTo,
  type Seat,
  type SeatKind,
  stopSeat,
} from './seat.js';
import { SeatWaits } from './seat-waits.js';
import { SessionRoster } from './session-roster.js';
import { type Ports, startData } from './start-data.js';
import { startExitCode } from './start-refused.js';
import { TopicQuotas } from './topic-quotas.js';
import { WebhookShares } from './webhook-shares.js';

/** A replaced worker that cannot open its log is tried again this often. */
const REOPEN_MS = 1_000;
const MAIN = 'main';
const ENTRIES: Record<SeatKind, URL> = {
  worker: new URL('../topic/worker-thread.js', import.meta.url),
  acceptor: new URL('../acceptor/acceptor-thread.js', import.meta.url),
};

export interface NodeThreadsOptions {
  config: Config;
  version: string;
  /** Of this life of the node. */
  bootId: string;
  memory: NodeMemory;
  logger: Logger;
  /** A thread's ends of ports to the pools that its kind uses; null in memory. */
  openPools: ((kind: SeatKind) => MessagePort[]) | null;
  /** Where what other nodes forward comes in; null: nothing does. */
  door: NodeDoor | null;
  /** An acceptor's end of a port to the directory of keys; null: none are asked for. */
  openDirectory: (() => MessagePort) | null;
  /** An acceptor's end of a port to the webhooks. */
  openWebhooks: () => MessagePort;
  /** What tokens are sealed with; null: no keys are asked for. */
  tokenSecret: Uint8Array | null;
  /** Of all tenants that have some, as it is now. */
  quotas: () => readonly TenantQuotas[];
  /** Waits before a worker that found the database away is started again; rejects when it is enough. */
  waitToOpen: (why: string) => Promise<void>;
  /** Somebody has asked the node to end in order. */
  onDrain: () => void;
  /** The node cannot go on. */
  onFatal: (line: string, exitCode: number) => void;
}

export class NodeThreads {
  readonly #options: NodeThreadsOptions;
  readonly #workers: Seat[];
  readonly #acceptors: Seat[];
  readonly #roster: SessionRoster;
  readonly #cluster: Cluster;
  readonly #webhooks: WebhookShares;
  readonly #startedAtMs = processMs();
  readonly #outages: Outages;
  readonly #topicCount: SharedArrayBuffer | null;
  /** The nodes that live, as each database has it. */
  readonly #living: (readonly Peer[])[];
  /** Null: the database counts. */
  readonly #topicQuotas: TopicQuotas | null;
  readonly #left: LeftOver[] = [];
  #state: 'starting' | 'running' | 'stopping' = 'starting';
  readonly #waits = new SeatWaits();
  /** Why a worker could not open its log at the node's start, where that may pass. */
  readonly #putOff = new Map<Seat, string>();
  /** What happens in this thread. */
  readonly #happenings = new Happenings(systemClock, (all) => this.#tellHappened(all));
  readonly #restarts = { worker: 0, acceptor: 0 };

  constructor(options: NodeThreadsOptions) {
    this.#options = options;
    const { workers, databaseUrl } = options.config;
    this.#living = [[], ...options.config.moreDatabaseUrls.map(() => [])];
    this.#topicCount = databaseUrl === null ? SharedCount.memory(workers) : null;
    this.#topicQuotas = databaseUrl === null ? new TopicQuotas(workers) : null;
    this.#topicQuotas?.changed(options.quotas());
    this.#workers = makeSeats('worker', workers);
    this.#acceptors = makeSeats('acceptor', options.config.acceptors);
    this.#roster = new SessionRoster(this.#acceptors);
    const { config, bootId, memory, logger } = options;
    this.#cluster = new Cluster({
      ...{ config, bootId, memory, logger, tls: options.door?.tls ?? null },
      ownSessions: (ask) => this.#roster.answer(ask),
      onElsewhere: (worker, counts) => postTo(this.#workers, worker, { type: 'elsewhere', counts }),
    });
    this.#webhooks = new WebhookShares({
      ...{ node: config.nodeId, acceptors: config.acceptors },
      among: databaseUrl === null ? 'alone' : 'nodes',
      tell: (acceptor, changes) =>
        postTo(this.#acceptors, acceptor, { type: 'webhooks-changed', changes }),
    });
    this.#outages = new Outages({ clock: systemClock, logger });
  }

  /**
   * Resolves when every worker is ready and every acceptor listens; may never, then `onFatal` told.
   */
  async start(): Promise<void> {
    const ready = this.#waits.all('ready', this.#workers);
    for (const seat of this.#workers) this.#fill(seat);
    await ready;
    if (this.#state === 'stopping') return;
    const listening = this.#waits.all('listening', this.#acceptors);
    for (const seat of this.#acceptors) this.#fill(seat);
    await listening;
    if (this.#state !== 'starting') return;
    this.#state = 'running';
    this.#cluster.start();
  }

  /** Another node asks, in JSON; null: nothing that it may. */
  answer(question: unknown): Promise<object | null> {
    return this.#cluster.answer(question);
  }

  /** The nodes that live, when others do than before, or this one does again. */
  place(living: readonly Peer[], place: number): void {
    if (place === 0) tellMoves(this.#happenings.add, this.#living[0] ?? [], living);
    this.#living[place] = living;
    if (place === 0) {
      this.#cluster.place(living);
      this.#webhooks.place(living);
    }
    for (const seat of this.#workers) post(seat, { type: 'nodes', living, place });
  }

  /** Another node forwarded it, with something for that worker. */
  forwarded(worker: number, body: Uint8Array): void {
    postTo(this.#workers, worker, { type: 'forwarded', body });
  }

  /** Of the main thread itself. */
  trouble(trouble: Trouble): void {
    this.#outages.trouble(MAIN, trouble, 1);
  }

  /** What it said of these kinds is over. */
  well(kinds: readonly string[]): void {
    for (const kind of kinds) this.#outages.over(MAIN, kind);
  }

  /** API keys are other than they were, or gone; null: any may be. */
  keysChanged(ids: readonly string[] | null): void {
    for (const seat of this.#acceptors) post(seat, { type: 'keys-changed', ids });
  }

  /** These tenants have quotas from now on, and no others. */
  quotasChanged(quotas: readonly TenantQuotas[]): void {
    for (const seat of this.#acceptors) post(seat, { type: 'quotas-changed', quotas });
    this.#topicQuotas?.changed(quotas);
    for (const seat of this.#workers) this.#tellTopicQuotas(seat);
  }

  /** All that there are from now on. */
  webhooksChanged(all: readonly WebhookRecord[]): void {
    this.#webhooks.changed(all);
  }

  /**
   * Acceptors refuse what is new, answer what is under way and tell their sessions; then they end,
   * then the workers, which have nothing left to do.
   */
  async stop(): Promise<void> {
    this.#state = 'stopping';
    this.#cluster.stop();
    const drained = this.#waits.all('drained', this.#acceptors);
    for (const seat of this.#acceptors) post(seat, { type: 'drain' });
    await drained;
    await Promise.all(this.#acceptors.map(stopSeat));
    await Promise.all(this.#workers.map(stopSeat));
    this.#outages.close();
    this.#happenings.close();
    const { left } = this;
    if (left !== null) throw new Error(left);
  }

  /** What the drain could not bring to its end, so far; null: nothing. */
  get left(): string | null {
    return leftOverLine(sumOf(this.#left));
  }

  /** For GET /metrics. */
  get figures(): { restarts: Record<SeatKind, number>; outages: number } {
    return { restarts: this.#restarts, outages: this.#outages.size };
  }

  /** Whoever connects from now on is shown the certificate that its files hold now. */
  reloadCertificate(): void {
    for (const seat of this.#acceptors) post(seat, { type: 'reload-certificate' });
  }

  /** Closes the sockets, answers nothing. Node.js aborts when it exits while they are open. */
  async halt(): Promise<void> {
    this.#state = 'stopping';
    await Promise.all(this.#acceptors.map(haltSeat));
  }

  /** Starts a thread in an empty seat. */
  #fill(seat: Seat): void {
    seat.generation++;
    seat.state = 'starting';
    const { openPools, openDirectory, door } = this.#options;
    const pools = openPools?.(seat.kind) ?? [];
    const isAcceptor = seat.kind === 'acceptor';
    const directory = isAcceptor ? (openDirectory?.() ?? null) : null;
    const roster = isAcceptor ? this.#cluster.openPort() : null;
    const entry = isAcceptor ? (door?.openPort?.() ?? null) : null;
    const webhooks = isAcceptor ? this.#options.openWebhooks() : null;
    const ports = [directory, roster, entry, webhooks];
    const thread = new Worker(ENTRIES[seat.kind], {
      name: nameOf(seat),
      ...(seat.kind === 'worker' ? { resourceLimits: WORKER_HEAP } : {}),
      workerData: this.#startData(seat, { pools, directory, roster, entry, webhooks }),
      transferList: [...pools, ...ports].filter((port) => port !== null),
    });
    seat.thread = thread;
    let cause = 'it ended';
    thread.on('message', (message: FromThread) => this.#heard(seat, message));
    thread.on('error', (error) => {
      cause = error.stack ?? error.message;
    });
    thread.once('exit', () => this.#died(seat, cause));
    if (isAcceptor) this.#filled(seat);
  }

  #startData(seat: Seat, ports: Ports): WorkerStart | AcceptorStart {
    const { door, quotas, ...of } = this.#options;
    return startData(seat, ports, {
      ...{ ...of, topicCount: this.#topicCount, living: this.#living },
      sendsFor: this.#webhooks.of(seat.index),
      ...{ startedAtMs: this.#startedAtMs, forwardTls: door?.tls ?? null, quotas: quotas() },
    });
  }

  #heard(seat: Seat, message: FromThread): void {
    const { logger } = this.#options;
    const thread = nameOf(seat);
    if (message.type === 'ready' && seat.kind === 'worker') this.#filled(seat);
    else if (message.type === 'handler-fault') {
      const { where, stack, requestId } = message;
      logger.tell('handler.threw', { about: thread, where, request_id: requestId, stack });
    } else if (message.type === 'log-state') {
      const { state, detail } = message;
      logger.tell('log.state', { about: thread, state, detail });
    } else if (message.type === 'trouble') {
      this.#outages.trouble(thread, message.trouble, message.times);
    } else if (message.type === 'happened') {
      this.#tellHappened(message.all);
    } else if (message.type === 'channels') {
      this.#options.door?.listens(seat.index, message.more, message.less);
    } else if (message.type === 'topic-news') {
      this.#cluster.figures?.heard(seat.index, message.news);
    } else if (message.type === 'forward-read') {
      this.#options.door?.read(seat.index, message.bytes);
    } else if (message.type === 'over') {
      this.#outages.over(thread, message.kind);
    } else if (message.type === 'to-drain') {
      this.#options.onDrain();
    } else if (message.type === 'sessions') {
      this.#roster.told(message);
    } else if (message.type === 'left-over') {
      this.#left.push(message.left);
    } else if (message.type === 'certificate' && message.trouble !== null) {
      logger.tell('certificate.refused', { about: thread, cause: message.trouble });
    } else if (message.type === 'fault') {
      this.#faulted(seat, message.detail, message.exitCode);
    }
    this.#waits.settle(message.type, seat);
  }

  /**
   * The thread said that it cannot start: at the node's start that is its end, unless it may pass;
   * later it is retried.
   */
  #faulted(seat: Seat, detail: string, exitCode: number): void {
    const { logger, onFatal } = this.#options;
    if (this.#state === 'starting' && exitCode === EXIT_LATER) this.#putOff.set(seat, detail);
    else if (this.#state === 'starting') onFatal(detail, exitCode);
    else if (this.#state === 'running')
      logger.tell('thread.refused', { about: nameOf(seat), cause: detail });
    if (seat.state !== 'stopping') seat.state = 'faulted';
    // An acceptor closes its App first: to terminate it would abort the process.
    if (seat.kind === 'acceptor') post(seat, { type: 'stop' });
    else void seat.thread?.terminate();
  }

  /** A new thread is linked to all threads of the other kind. */
  #filled(seat: Seat): void {
    if (seat.state !== 'starting') return;
    seat.state = 'ready';
    if (seat.kind === 'worker') {
      this.#tellTopicQuotas(seat);
      post(seat, { type: 'elsewhere', counts: this.#cluster.countsOf(seat.index) });
    }
    const others = seat.kind === 'worker' ? this.#acceptors : this.#workers;
    for (const other of others) {
      if (other.state !== 'ready') continue;
      if (seat.kind === 'worker') link(other, seat);
      else link(seat, other);
    }
    if (seat.kind === 'acceptor') post(seat, { type: 'listen' });
  }

  /** Any acceptor may have somebody who looks. */
  #tellHappened(all: readonly Happening[]): void {
    for (const seat of this.#acceptors) post(seat, { type: 'happened', all });
  }

  #tellTopicQuotas(seat: Seat): void {
    const quotas = this.#topicQuotas?.told ?? [];
    if (quotas.length > 0) post(seat, { type: 'topic-quotas', quotas });
  }

  #died(seat: Seat, cause: string): void {
    const { logger, onFatal } = this.#options;
    const { state, generation, index } = seat;
    seat.thread = null;
    this.#outages.gone(nameOf(seat));
    this.#roster.gone(seat);
    if (seat.kind === 'worker') {
      this.#options.door?.gone(index);
      this.#cluster.figures?.gone(index);
    }
    this.#waits.settle('drained', seat);
    if (this.#state === 'stopping' || this.#openLater(seat)) return;
    logger.tell('thread.died', { about: nameOf(seat), cause });
    if (seat.kind === 'worker') {
      for (const acceptor of this.#acceptors) {
        post(acceptor, { type: 'worker-gone', worker: index, generation });
      }
    }
    const cannotOpen = state === 'faulted' && seat.kind === 'worker';
    if (this.#state === 'starting') {
      onFatal(`${nameOf(seat)} died at the start: ${cause.split('\n', 1)[0]}`, 1);
    } else if (!cannotOpen && !mayRestart(seat)) {
      onFatal(`${nameOf(seat)} died more than ${DEATHS_MAX} times in a minute`, 1);
    } else {
      this.#restarts[seat.kind]++;
      this.#happenings.add({ kind: 'thread.replaced', tenant: null, name: nameOf(seat) });
      this.#refill(seat, cannotOpen ? REOPEN_MS : 0);
    }
  }

  /** True: at the node's start the seat is filled again, once the database may be there. */
  #openLater(seat: Seat): boolean {
    const why = this.#putOff.get(seat);
    if (why === undefined) return false;
    this.#putOff.delete(seat);
    seat.state = 'starting';
    this.#options.waitToOpen(why).then(
      () => {
        if (this.#state !== 'stopping') this.#fill(seat);
      },
      (error: unknown) => this.#options.onFatal(messageOf(error), startExitCode(error)),
    );
    return true;
  }

  #refill(seat: Seat, afterMs: number): void {
    seat.state = 'starting';
    setTimeout(() => {
      if (this.#state === 'running') this.#fill(seat);
    }, afterMs);
  }
}
