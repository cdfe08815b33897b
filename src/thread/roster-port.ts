/**
 * An acceptor's end of its port to whoever asks all acceptors of the node, and all nodes, which is the main
 * thread (supervisor/cluster.ts).
 */
import type { MessagePort } from 'node:worker_threads';
import { PoolPort, type PoolResult } from './pool-port.js';
import type { ClusterAnswers, ClusterAsk } from './session-calls.js';

/** Each makes all acceptors read through what they have; the other end answers in less. */
const BOUNDS = { underWayMax: 2, waitingMax: 32, answerMs: Number.POSITIVE_INFINITY };

export class RosterPort {
  readonly #pool: PoolPort<ClusterAsk>;

  constructor(port: MessagePort) {
    this.#pool = new PoolPort<ClusterAsk>(port, BOUNDS);
  }

  /** Rejects with RequestError: `busy` where there are too many, or an acceptor does not answer. */
  async ask<A extends ClusterAsk>(ask: A): Promise<ClusterAnswers[A['what']]> {
    const packed = await this.#pool.ask(ask);
    return JSON.parse(Buffer.from(packed).toString('utf8')) as ClusterAnswers[A['what']];
  }

  close(): void {
    this.#pool.close();
  }
}

/** What the other end answers with. */
export function packRosterAnswer(answer: ClusterAnswers[keyof ClusterAnswers]): PoolResult {
  return new Uint8Array(Buffer.from(JSON.stringify(answer), 'utf8')).buffer;
}
