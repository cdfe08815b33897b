/**
 * The other nodes, as the main thread asks them and answers them: about sessions, and about what each of them
 * does. Acceptors ask by its ports. Without INTERNAL_SECRET nobody is asked, and those who live are named.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { NodeQuestions } from '../backplane/node-questions.js';
import { serveCold } from '../cold/cold-port.js';
import type { Config } from '../config/config.js';
import { RequestError } from '../core/errors.js';
import { hasPeerLink, type Peer } from '../core/peer.js';
import type { TopicKey } from '../core/topic-key.js';
import type { Logger } from '../observe/logger.js';
import { figuresIn } from '../thread/acceptor-counts.js';
import type { PemFiles } from '../thread/control.js';
import type { NodeMemory } from '../thread/node-memory.js';
import { TopicPlacement } from '../thread/placement.js';
import { type PoolResult, poolFailure } from '../thread/pool-port.js';
import { processLoad } from '../thread/process-load.js';
import { packRosterAnswer } from '../thread/roster-port.js';
import type {
  ClusterAnswers,
  ClusterAsk,
  SessionAsk,
  SessionsTold,
} from '../thread/session-calls.js';
import {
  ClusterFigures,
  type ElsewhereCounts,
  type FiguresTold,
  isFiguresQuestion,
} from './cluster-figures.js';
import { ClusterSessions, isSessionAsk } from './cluster-sessions.js';

export interface ClusterOptions {
  config: Config;
  bootId: string;
  memory: NodeMemory;
  logger: Logger;
  /** What nodes show each other; null: nothing. */
  tls: PemFiles | null;
  /** Of this node. Rejects RequestError. */
  ownSessions: (ask: SessionAsk) => Promise<SessionsTold>;
  /** How many subscriptions other nodes have to these topics of that worker, now. */
  onElsewhere: (worker: number, counts: ElsewhereCounts) => void;
}

export class Cluster {
  /** Null: nodes do not ask each other. */
  readonly figures: ClusterFigures | null;
  readonly #options: ClusterOptions;
  readonly #questions: NodeQuestions | null;
  readonly #sessions: ClusterSessions;
  readonly #placement: TopicPlacement;
  #living: readonly Peer[] = [];

  constructor(options: ClusterOptions) {
    this.#options = options;
    const { config, bootId, memory, tls, ownSessions } = options;
    this.#placement = new TopicPlacement(config.workers);
    const { nodeId, internalSecret: secret, clusterName: cluster } = config;
    this.#questions =
      hasPeerLink(config) && secret !== null
        ? new NodeQuestions({ sender: { cluster, bootId }, secret, tls })
        : null;
    const { counts } = memory;
    this.figures =
      this.#questions === null
        ? null
        : new ClusterFigures({
            ...{ bootId, questions: this.#questions },
            onElsewhere: (all) => this.#tellElsewhere(all),
            acceptors: () => figuresIn(counts),
            process: () => processLoad(memory),
          });
    this.#sessions = new ClusterSessions({
      ...{ nodeId, bootId, ownSessions, questions: this.#questions },
      living: () => this.#living,
    });
  }

  start(): void {
    this.figures?.start();
  }

  stop(): void {
    this.figures?.stop();
    this.#questions?.close();
  }

  /** The nodes that live. */
  place(living: readonly Peer[]): void {
    this.#living = living;
    this.figures?.place(living);
  }

  /** What a worker that begins has to know. */
  countsOf(worker: number): ElsewhereCounts {
    const isOf = (key: TopicKey): boolean => this.#placement.workerOf(key) === worker;
    return this.figures?.counts(isOf) ?? [];
  }

  /** An acceptor's end of a port to it. */
  openPort(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    const { logger } = this.#options;
    const onFault = (err: unknown): void => logger.tell('sessions.failed', { err });
    serveCold(port1, (ask: ClusterAsk) => this.#answer(ask), onFault);
    return port2;
  }

  /** Of another node, which may be of another version; null: nothing that may be asked. */
  async answer(question: unknown): Promise<SessionsTold | FiguresTold | object | null> {
    if (typeof question !== 'object' || question === null) return null;
    if (isFiguresQuestion(question)) return this.figures?.told(question) ?? null;
    const { about, ask } = question as { about?: unknown; ask?: unknown };
    if (about !== 'sessions' || !isSessionAsk(ask)) return null;
    try {
      return await this.#options.ownSessions(ask);
    } catch (error) {
      if (error instanceof RequestError) return { refused: error.message };
      throw error;
    }
  }

  #tellElsewhere(all: ElsewhereCounts): void {
    const { config, onElsewhere } = this.#options;
    const byWorker = Array.from({ length: config.workers }, (): ElsewhereCounts => []);
    for (const count of all) byWorker[this.#placement.workerOf(count[0])]?.push(count);
    for (const [worker, counts] of byWorker.entries()) {
      if (counts.length > 0) onElsewhere(worker, counts);
    }
  }

  async #answer(ask: ClusterAsk): Promise<PoolResult> {
    try {
      return packRosterAnswer(await this.#answerOf(ask));
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return poolFailure(error, '');
    }
  }

  #answerOf(ask: ClusterAsk): Promise<ClusterAnswers[ClusterAsk['what']]> {
    if (ask.what === 'list') return this.#sessions.list(ask);
    if (ask.what === 'close') return this.#sessions.close(ask);
    const { figures } = this;
    return Promise.resolve(figures === null ? null : figures.stats(ask.tenant));
  }
}
