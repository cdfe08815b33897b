/**
 * The body of a request whose API key is being looked up: what comes of it is kept until somebody reads it.
 * All that is kept so on an acceptor is bounded; one body may always be kept.
 */
import type { HttpResponse } from 'uWebSockets.js';
import { RequestError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';

const HELD_BYTES_MAX = 16 * 1024 * 1024;
/** Of the one that may always be kept: no route takes more. */
const BODY_BYTES_MAX = LIMITS.batchBodyBytesMax.max;

/** As uWebSockets gives it: the chunk is valid during the call only. */
export type OnData = Parameters<HttpResponse['onData']>[0];

/** Of one acceptor. */
export class HeldBytes {
  #bytes = 0;

  /** False: there is no room for so many more beside what others have. */
  take(bytes: number, own: number): boolean {
    if (own + bytes > BODY_BYTES_MAX) return false;
    if (this.#bytes + bytes > HELD_BYTES_MAX && this.#bytes > own) return false;
    this.#bytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** What is said at the bound. */
export function tooManyBodies(): RequestError {
  const detail = 'too many bodies of requests whose key is being looked up';
  return new RequestError('busy', detail);
}

export class HeldBody {
  readonly #held: HeldBytes;
  #chunks: Uint8Array<ArrayBuffer>[] = [];
  #bytes = 0;
  #state: 'coming' | 'whole' | 'given up' = 'coming';
  #use: OnData | null = null;

  /** `onTooMuch`: more came than may be held; once. */
  constructor(res: HttpResponse, held: HeldBytes, onTooMuch: () => void) {
    this.#held = held;
    res.onData((chunk, isLast) => {
      if (this.#use !== null) this.#use(chunk, isLast);
      else if (this.#state === 'coming') this.#keep(chunk, isLast, onTooMuch);
    });
  }

  /** What came, as if it came now, then the rest. */
  read(use: OnData): void {
    this.#use = use;
    const chunks = this.#chunks;
    const isWhole = this.#state === 'whole';
    this.giveUp();
    chunks.forEach((chunk, n) => {
      use(chunk.buffer, isWhole && n === chunks.length - 1);
    });
  }

  /** Nobody will read it. */
  giveUp(): void {
    this.#held.giveBack(this.#bytes);
    this.#bytes = 0;
    this.#chunks = [];
    this.#state = 'given up';
  }

  #keep(chunk: ArrayBuffer, isLast: boolean, onTooMuch: () => void): void {
    if (!this.#held.take(chunk.byteLength, this.#bytes)) {
      this.giveUp();
      onTooMuch();
      return;
    }
    this.#bytes += chunk.byteLength;
    this.#chunks.push(new Uint8Array(chunk.slice(0)));
    if (isLast) this.#state = 'whole';
  }
}
