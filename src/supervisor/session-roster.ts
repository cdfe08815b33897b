/**
 * Asks the acceptors of the node about their sessions for one of them, in the order of their indexes until a
 * page is full. Owned by the main thread. One that is being replaced has none; where one does not answer
 * whoever asks is told so, rather than shown what is not all.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { serveCold } from '../cold/cold-port.js';
import { RequestError } from '../core/errors.js';
import type { SessionRecord } from '../core/session-record.js';
import type { FromThread } from '../thread/control.js';
import { type PoolResult, poolFailure } from '../thread/pool-port.js';
import { packSessionsTold } from '../thread/roster-port.js';
import {
  NO_SESSIONS,
  type SessionAsk,
  type SessionListAsk,
  type SessionsTold,
} from '../thread/session-calls.js';
import { post, type Seat } from './seat.js';

const ANSWER_MS = 3_000;

interface Asked {
  readonly seat: Seat;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (told: SessionsTold) => void;
  readonly reject: (error: RequestError) => void;
}

export class SessionRoster {
  readonly #acceptors: readonly Seat[];
  readonly #onFault: (error: unknown) => void;
  readonly #asked = new Map<number, Asked>();
  #lastRequest = 0;

  constructor(acceptors: readonly Seat[], onFault: (error: unknown) => void) {
    this.#acceptors = acceptors;
    this.#onFault = onFault;
  }

  /** An acceptor's end of a port to it. */
  openPort(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    serveCold(port1, (ask: SessionAsk) => this.#answer(ask), this.#onFault);
    return port2;
  }

  told({ request, told }: Extract<FromThread, { type: 'sessions' }>): void {
    this.#settle(request, told);
  }

  /** Its thread is gone, and its sessions with it. */
  gone(seat: Seat): void {
    for (const [request, asked] of this.#asked) {
      if (asked.seat === seat) this.#settle(request, NO_SESSIONS);
    }
  }

  async #answer(ask: SessionAsk): Promise<PoolResult> {
    try {
      const told = ask.what === 'list' ? await this.#list(ask) : await this.#close(ask);
      return packSessionsTold(told);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return poolFailure(error, '');
    }
  }

  async #list(ask: SessionListAsk): Promise<SessionsTold> {
    const records: SessionRecord[] = [];
    for (const seat of this.#acceptors) {
      if (seat.index < (ask.after?.acceptor ?? 0)) continue;
      const limit = ask.limit - records.length;
      const told = await this.#ask(seat, { ...ask, limit });
      records.push(...told.records);
      if (told.more || records.length === ask.limit) return { ...NO_SESSIONS, records, more: true };
    }
    return { ...NO_SESSIONS, records };
  }

  #close(ask: Extract<SessionAsk, { what: 'close' }>): Promise<SessionsTold> {
    const { acceptor, generation } = ask.place;
    const seat = this.#acceptors[acceptor];
    if (seat?.generation !== generation) return Promise.resolve(NO_SESSIONS);
    return this.#ask(seat, ask);
  }

  #ask(seat: Seat, ask: SessionAsk): Promise<SessionsTold> {
    if (seat.thread === null) return Promise.resolve(NO_SESSIONS);
    this.#lastRequest++;
    const request = this.#lastRequest;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#late(request), ANSWER_MS);
      this.#asked.set(request, { seat, timer, resolve, reject });
      post(seat, { type: 'sessions', request, ask });
    });
  }

  #late(request: number): void {
    const error = new RequestError('busy', `an acceptor has not answered for ${ANSWER_MS} ms`);
    this.#take(request)?.reject(error);
  }

  #settle(request: number, told: SessionsTold): void {
    this.#take(request)?.resolve(told);
  }

  #take(request: number): Asked | undefined {
    const asked = this.#asked.get(request);
    this.#asked.delete(request);
    clearTimeout(asked?.timer);
    return asked;
  }
}
