/**
 * Asks the acceptors of the node about their sessions, in the order of their indexes until a page is full.
 * Owned by the main thread. One that is being replaced has none; where one does not answer
 * whoever asks is told so, rather than shown what is not all.
 */
import { RequestError } from '../core/errors.js';
import type { SessionRecord } from '../core/session-record.js';
import type { FromThread } from '../thread/control.js';
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
  readonly #asked = new Map<number, Asked>();
  #lastRequest = 0;

  constructor(acceptors: readonly Seat[]) {
    this.#acceptors = acceptors;
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

  /** Rejects RequestError where an acceptor does not answer. */
  answer(ask: SessionAsk): Promise<SessionsTold> {
    return ask.what === 'list' ? this.#list(ask) : this.#close(ask);
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
