/**
 * An acceptor's end of its port to whoever asks all acceptors of the node about sessions, which is the main
 * thread (supervisor/session-roster.ts).
 */
import type { MessagePort } from 'node:worker_threads';
import { PoolPort, type PoolResult } from './pool-port.js';
import type { SessionAsk, SessionsTold } from './session-calls.js';

/** Each makes all acceptors read through what they have; the other end answers in less. */
const BOUNDS = { underWayMax: 2, waitingMax: 32, answerMs: Number.POSITIVE_INFINITY };

export class RosterPort {
  readonly #pool: PoolPort<SessionAsk>;

  constructor(port: MessagePort) {
    this.#pool = new PoolPort<SessionAsk>(port, BOUNDS);
  }

  /** Rejects with RequestError: `busy` where there are too many, or an acceptor does not answer. */
  async ask(ask: SessionAsk): Promise<SessionsTold> {
    const packed = await this.#pool.ask(ask);
    return JSON.parse(Buffer.from(packed).toString('utf8')) as SessionsTold;
  }

  close(): void {
    this.#pool.close();
  }
}

/** What the other end answers with. */
export function packSessionsTold(told: SessionsTold): PoolResult {
  return new Uint8Array(Buffer.from(JSON.stringify(told), 'utf8')).buffer;
}
