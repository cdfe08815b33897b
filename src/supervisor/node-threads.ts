/**
 * The threads of the node: starts them, links every acceptor to every worker, replaces the one that
 * dies, drains and stops them. Owned by the main thread. A thread that dies more than RESTARTS_MAX
 * times within RESTARTS_WINDOW_MS ends the node rather than let it limp.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { Config } from '../config/config.js';
import type { Logger } from '../observe/logger.js';
import type { AcceptorStart, FromThread, ToThread, WorkerStart } from '../thread/control.js';

const RESTARTS_MAX = 5;
const RESTARTS_WINDOW_MS = 60_000;
/** A replaced worker whose log cannot be opened is tried again this often. */
const REOPEN_MS = 1_000;

export interface NodeThreadsOptions {
  config: Config;
  version: string;
  logger: Logger;
  /** The worker's end of a port to the cold pool; null in memory. */
  openCold: (() => MessagePort) | null;
  /** The node cannot go on. */
  onFatal: (detail: string, exitCode: number) => void;
}

type Kind = 'acceptor' | 'worker';

/** One place for a thread; who sits in it may change. */
interface Seat {
  readonly kind: Kind;
  readonly index: number;
  generation: number;
  thread: Worker | null;
  state: 'starting' | 'ready' | 'stopping';
  deaths: number[];
}

export class NodeThreads {
  readonly #options: NodeThreadsOptions;
  readonly #workers: Seat[];
  readonly #acceptors: Seat[];
  readonly #startedAtMs = Date.now();
  #state: 'starting' | 'running' | 'stopping' = 'starting';
  /** Resolvers by what they wait for; a control message of that type of every seat ends them. */
  readonly #waits = new Map<string, { seats: Set<Seat>; resolve: () => void }>();

  constructor(options: NodeThreadsOptions) {
    this.#options = options;
    const seats = (kind: Kind, count: number): Seat[] =>
      Array.from({ length: count }, (_, index) => ({
        kind,
        index,
        generation: 0,
        thread: null,
        state: 'starting' as const,
        deaths: [],
      }));
    this.#workers = seats('worker', options.config.workers);
    this.#acceptors = seats('acceptor', options.config.acceptors);
  }

  /** Resolves when every worker is ready and every acceptor listens. */
  async start(): Promise<void> {
    const ready = this.#all('ready', this.#workers);
    for (const seat of this.#workers) this.#seatThread(seat);
    await ready;
    const listening = this.#all('listening', this.#acceptors);
    for (const seat of this.#acceptors) this.#seatThread(seat);
    await listening;
    this.#state = 'running';
  }

  /** Acceptors refuse what is new, answer what is under way, tell their sessions. */
  async drain(): Promise<void> {
    this.#state = 'stopping';
    const drained = this.#all('drained', this.#acceptors);
    for (const seat of this.#acceptors) post(seat, { type: 'drain' });
    await drained;
  }

  /** Ends acceptors, then workers. */
  async stop(): Promise<void> {
    this.#state = 'stopping';
    await Promise.all(this.#acceptors.map(stopThread));
    await Promise.all(this.#workers.map(stopThread));
  }

  #seatThread(seat: Seat): void {
    seat.generation++;
    seat.state = 'starting';
    const entry =
      seat.kind === 'worker' ? '../topic/worker-thread.js' : '../acceptor/acceptor-thread.js';
    const cold = seat.kind === 'worker' ? (this.#options.openCold?.() ?? null) : null;
    const thread = new Worker(new URL(entry, import.meta.url), {
      name: `${seat.kind}-${seat.index}`,
      workerData: this.#startData(seat, cold),
      transferList: cold === null ? [] : [cold],
    });
    seat.thread = thread;
    let cause = 'it ended';
    thread.on('message', (message: FromThread) => this.#heard(seat, message));
    thread.on('error', (error) => {
      cause = error.stack ?? error.message;
    });
    thread.once('exit', () => {
      if (seat.thread === thread) this.#died(seat, cause);
    });
    if (seat.kind === 'acceptor') this.#seated(seat);
  }

  #startData(seat: Seat, cold: MessagePort | null): WorkerStart | AcceptorStart {
    const { config, version } = this.#options;
    const { index, generation } = seat;
    if (seat.kind === 'worker')
      return { kind: 'worker', config, index, generation, links: [], cold };
    const startedAtMs = this.#startedAtMs;
    return { kind: 'acceptor', config, index, generation, links: [], startedAtMs, version };
  }

  #heard(seat: Seat, message: FromThread): void {
    const { logger, onFatal } = this.#options;
    const thread = `${seat.kind}-${seat.index}`;
    if (message.type === 'ready' && seat.kind === 'worker') this.#seated(seat);
    else if (message.type === 'handler-fault') {
      logger.error({ thread, where: message.where, stack: message.stack }, 'a handler threw');
    } else if (message.type === 'log-state') {
      logger.info({ thread, state: message.state, detail: message.detail }, 'the log');
    } else if (message.type === 'fault') {
      if (this.#state === 'starting') onFatal(message.detail, message.exitCode);
      else logger.error({ thread, detail: message.detail }, 'the thread cannot start');
      void seat.thread?.terminate();
    }
    this.#settle(message.type, seat);
  }

  /** A new thread in a seat: it is linked to all threads of the other kind. */
  #seated(seat: Seat): void {
    seat.state = 'ready';
    const others = seat.kind === 'worker' ? this.#acceptors : this.#workers;
    for (const other of others) {
      if (other.state !== 'ready') continue;
      if (seat.kind === 'worker') link(other, seat);
      else link(seat, other);
    }
    if (seat.kind === 'acceptor') post(seat, { type: 'listen' });
  }

  #died(seat: Seat, cause: string): void {
    const { logger, onFatal } = this.#options;
    const wasReady = seat.state === 'ready';
    seat.thread = null;
    if (this.#state === 'stopping' || seat.state === 'stopping') {
      this.#settle('drained', seat);
      return;
    }
    logger.error({ thread: `${seat.kind}-${seat.index}`, cause }, 'a thread died');
    if (seat.kind === 'worker') {
      const { index: worker, generation } = seat;
      for (const acceptor of this.#acceptors) {
        post(acceptor, { type: 'worker-gone', worker, generation });
      }
    }
    if (this.#state === 'starting') {
      onFatal(`${seat.kind}-${seat.index} died at start: ${cause.split('\n')[0]}`, 1);
      return;
    }
    if (wasReady && !mayRestart(seat)) {
      onFatal(`${seat.kind}-${seat.index} died more than ${RESTARTS_MAX} times in a minute`, 1);
      return;
    }
    seat.state = 'starting';
    setTimeout(
      () => {
        if (this.#state === 'running') this.#seatThread(seat);
      },
      wasReady ? 0 : REOPEN_MS,
    );
  }

  #all(type: FromThread['type'], seats: readonly Seat[]): Promise<void> {
    const living = seats.filter((seat) => type !== 'drained' || seat.thread !== null);
    if (living.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waits.set(type, { seats: new Set(living), resolve });
    });
  }

  #settle(type: string, seat: Seat): void {
    const wait = this.#waits.get(type);
    if (wait === undefined) return;
    wait.seats.delete(seat);
    if (wait.seats.size > 0) return;
    this.#waits.delete(type);
    wait.resolve();
  }
}

function link(acceptor: Seat, worker: Seat): void {
  const { port1, port2 } = new MessageChannel();
  acceptor.thread?.postMessage(
    { type: 'worker', link: { worker: worker.index, generation: worker.generation, port: port1 } },
    [port1],
  );
  worker.thread?.postMessage(
    {
      type: 'acceptor',
      link: { acceptor: acceptor.index, generation: acceptor.generation, port: port2 },
    },
    [port2],
  );
}

function post(seat: Seat, message: ToThread): void {
  seat.thread?.postMessage(message);
}

function stopThread(seat: Seat): Promise<void> {
  seat.state = 'stopping';
  const { thread } = seat;
  if (thread === null) return Promise.resolve();
  return new Promise((resolve) => {
    thread.once('exit', () => resolve());
    post(seat, { type: 'stop' });
  });
}

/** Notes a death; false when there were too many of late. */
function mayRestart(seat: Seat): boolean {
  const now = performance.now();
  seat.deaths = seat.deaths.filter((at) => now - at < RESTARTS_WINDOW_MS);
  seat.deaths.push(now);
  return seat.deaths.length <= RESTARTS_MAX;
}
