/**
 * The long answers of this acceptor that their clients have not read to the end. Each is handed to its
 * socket as it is read, since uWS would keep a copy of the rest, and is held here meanwhile: bounded in bytes
 * altogether, and cut off when its client takes nothing. Short answers never come here.
 */
import type { HttpResponse } from 'uWebSockets.js';
import type { Clock } from '../../core/clock.js';
import type { Limits } from '../../core/limits.js';
import type { SharedCount } from '../../core/shared-count.js';
import type { Guard } from './guard.js';

/** Less than this a socket takes at once, as good as always. */
export const LONG_ANSWER_BYTES = 64 * 1024;
const SWEEP_MS = 500;

export interface PacedAnswersOptions {
  limits: Pick<Limits, 'unreadAnswerBytesMax' | 'writeDeadlineMs'>;
  clock: Clock;
  guard: Guard;
  /** Of all acceptors, in bytes. */
  count: SharedCount;
}

export class PacedAnswers {
  readonly #options: PacedAnswersOptions;
  /** The oldest first. */
  readonly #unread = new Set<PacedAnswer>();
  readonly #sweeper: NodeJS.Timeout;
  #heldBytes = 0;

  constructor(options: PacedAnswersOptions) {
    this.#options = options;
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  /**
   * Whether so many bytes more may be held; one answer always may. The results of writes, which are
   * done by then, may take as much again. Where there is no room, as many go as make it of those
   * that have been read for longer than a client may take nothing: who trickles must not keep others
   * out. None goes when all of these would not make it.
   */
  hasRoom(bytes: number, of: 'reads' | 'writes'): boolean {
    const { limits, clock } = this.#options;
    const bytesMax = limits.unreadAnswerBytesMax * (of === 'writes' ? 2 : 1);
    const before = clock.monotonic() - limits.writeDeadlineMs;
    let missing = this.#heldBytes + bytes - bytesMax;
    const toCut: PacedAnswer[] = [];
    for (const answer of this.#unread) {
      if (missing <= 0 || answer.startedMs > before) break;
      toCut.push(answer);
      missing -= answer.bytes;
    }
    if (missing > 0 && toCut.length < this.#unread.size) return false;
    for (const answer of toCut) this.#cut(answer);
    return true;
  }

  /**
   * Gives the answer to a response that has had none; `head` writes its status and headers. What is
   * given back is to be called when the client is gone.
   */
  send(res: HttpResponse, body: Uint8Array, head: () => void): () => void {
    const answer: PacedAnswer = new PacedAnswer(res, body, this.#options.clock);
    let isWhole = false;
    res.onWritable(() => {
      this.#goOn(answer);
      return !this.#unread.has(answer) || !answer.isBlocked;
    });
    res.cork(() => {
      head();
      isWhole = answer.write();
    });
    if (!isWhole) this.#hold(answer);
    return () => this.#forget(answer);
  }

  close(): void {
    clearInterval(this.#sweeper);
  }

  #hold(answer: PacedAnswer): void {
    this.#unread.add(answer);
    this.#changeBy(answer.bytes);
  }

  #forget(answer: PacedAnswer): void {
    if (this.#unread.delete(answer)) this.#changeBy(-answer.bytes);
  }

  #changeBy(bytes: number): void {
    this.#heldBytes += bytes;
    this.#options.count.add(bytes);
  }

  #goOn(answer: PacedAnswer): void {
    this.#options.guard.run('long answer', answer, () => {
      if (answer.write()) this.#forget(answer);
    });
  }

  /** The kernel tells of room once it has much of it; a client that reads slowly makes little. */
  #sweep(): void {
    const { limits, clock } = this.#options;
    const before = clock.monotonic() - limits.writeDeadlineMs;
    for (const answer of [...this.#unread]) {
      this.#goOn(answer);
      if (answer.takenMs <= before && this.#unread.has(answer)) this.#cut(answer);
    }
  }

  #cut(answer: PacedAnswer): void {
    this.#forget(answer);
    this.#options.guard.run('cutting a long answer', answer, () => answer.broken());
  }
}

/** One of them. */
class PacedAnswer {
  readonly startedMs: number;
  /** Monotonic, when the socket took something last. */
  takenMs: number;
  /** The socket took less than it was given. */
  isBlocked = false;
  readonly #res: HttpResponse;
  readonly #body: Uint8Array;
  readonly #clock: Clock;

  constructor(res: HttpResponse, body: Uint8Array, clock: Clock) {
    this.#res = res;
    this.#body = body;
    this.#clock = clock;
    this.startedMs = clock.monotonic();
    this.takenMs = this.startedMs;
  }

  /** Held whole until its end. */
  get bytes(): number {
    return this.#body.length;
  }

  /** As much as the socket takes; true: that was all, and the response is no more. */
  write(): boolean {
    const from = this.#res.getWriteOffset();
    const [isTaken, isWhole] = this.#res.tryEnd(this.#body.subarray(from), this.#body.length);
    this.isBlocked = !isTaken;
    if (isWhole) return true;
    if (this.#res.getWriteOffset() > from) this.takenMs = this.#clock.monotonic();
    return false;
  }

  /** The client sees that it is not whole. It runs onAborted. */
  broken(): void {
    this.#res.close();
  }
}
