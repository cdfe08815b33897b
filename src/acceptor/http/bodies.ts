/**
 * The bodies of requests, read within a bound of bytes and of time. Refused, and the connection closed: a
 * Content-Length over the bound (at once), more bytes than the bound (while they come), a body that does
 * not end. The last is found by a look over those that are late: a body that comes with its head, as
 * nearly all do, is in no list and costs no timer. Whoever asked may have lost the right to meanwhile: what
 * he asked for is done only where he still has it.
 */
import type { Clock } from '../../core/clock.js';
import { RequestError } from '../../core/errors.js';
import type { Exchange } from './exchange.js';
import type { Gate } from './gate.js';
import type { OnFault } from './guard.js';

/**
 * uWS closes a connection without a word when a body brings less than 16 KiB/s over 10 s, which by its
 * clock are 8 to 12. This asks for the same over a shorter time, and comes first.
 */
const LATE_MS = 7_000;
const PROGRESS_BYTES = 7 * 16 * 1024;
const LOOK_MS = 500;

export interface BodyBound {
  bytesMax: number;
  /** The variable that sets it, for the error. */
  name: string;
}

export interface BodiesOptions {
  clock: Clock;
  gate: Pick<Gate, 'stillKnows' | 'confirm'>;
  /** For what is not the client's fault. */
  onFault: OnFault;
}

/** Gets the whole body, once; the bytes are valid during that call only. */
type Use = (body: Uint8Array) => void;

/** A body of several parts, or one of which no part has come. */
interface LateBody {
  readonly exchange: Exchange;
  readonly parts: Buffer[];
  sinceMs: number;
  /** Since then. */
  bytes: number;
}

export class Bodies {
  readonly #options: BodiesOptions;
  readonly #late = new Set<LateBody>();
  readonly #looking: NodeJS.Timeout;

  constructor(options: BodiesOptions) {
    this.#options = options;
    this.#looking = setInterval(() => this.#look(), LOOK_MS);
  }

  /** What `use` throws as a RequestError is answered; anything else goes to onFault, and is answered 500. */
  read(exchange: Exchange, bound: BodyBound, use: Use): void {
    if (exchange.contentLength !== '') this.#readLength(exchange, bound, use);
    else this.#readChunks(exchange, bound, use);
  }

  close(): void {
    clearInterval(this.#looking);
  }

  #readLength(exchange: Exchange, bound: BodyBound, use: Use): void {
    if (Number(exchange.contentLength) > bound.bytesMax) {
      exchange.failAndClose(tooLarge(bound));
      return;
    }
    let late: LateBody | null = null;
    exchange.onData((chunk, isLast) => {
      if (!exchange.isOpen) return;
      if (isLast && late === null) {
        this.#use(exchange, Buffer.from(chunk), use);
        return;
      }
      late ??= this.#isLate(exchange);
      this.#add(late, chunk);
      if (isLast) this.#use(exchange, this.#whole(late), use);
    });
  }

  /** Without a length. There may be no body, which ends at once; else it is chunked. */
  #readChunks(exchange: Exchange, bound: BodyBound, use: Use): void {
    const late = this.#isLate(exchange);
    let total = 0;
    exchange.onData((chunk, isLast) => {
      if (!exchange.isOpen) return;
      total += chunk.byteLength;
      if (total > bound.bytesMax) {
        exchange.failAndClose(tooLarge(bound));
        return;
      }
      this.#add(late, chunk);
      if (!isLast) return;
      const body = this.#whole(late);
      if (body.length === 0) {
        // Its length may have been given, and empty: then its body would run as the next request.
        exchange.failAndClose(new RequestError('empty_body', 'the body is empty'));
        return;
      }
      // Behind the last chunk uWS may find what it does not take, such as trailers: it answers 505 and
      // closes, and then nothing must have been stored.
      setImmediate(() => {
        if (exchange.isOpen) this.#use(exchange, body, use);
      });
    });
  }

  #use(exchange: Exchange, body: Uint8Array, use: Use): void {
    const { gate } = this.#options;
    if (gate.stillKnows(exchange)) this.#useNow(exchange, body, use);
    else gate.confirm(exchange, body, (kept) => this.#useNow(exchange, kept, use));
  }

  #useNow(exchange: Exchange, body: Uint8Array, use: Use): void {
    try {
      use(body);
    } catch (error) {
      exchange.failAs(error, this.#options.onFault);
    }
  }

  #isLate(exchange: Exchange): LateBody {
    const sinceMs = this.#options.clock.monotonic();
    const late = { exchange, parts: [], sinceMs, bytes: 0 };
    this.#late.add(late);
    return late;
  }

  #add(late: LateBody, chunk: ArrayBuffer): void {
    // A copy: uWS takes the chunk back when its handler returns.
    late.parts.push(Buffer.from(Buffer.from(chunk)));
    late.bytes += chunk.byteLength;
    if (late.bytes < PROGRESS_BYTES) return;
    late.bytes = 0;
    late.sinceMs = this.#options.clock.monotonic();
  }

  #whole(late: LateBody): Buffer {
    this.#late.delete(late);
    return Buffer.concat(late.parts);
  }

  #look(): void {
    const before = this.#options.clock.monotonic() - LATE_MS;
    for (const late of this.#late) {
      if (late.exchange.isOpen && late.sinceMs > before) continue;
      this.#late.delete(late);
      const detail = `the body did not end within ${LATE_MS / 1_000} s`;
      late.exchange.failAndClose(new RequestError('request_timeout', detail));
    }
  }
}

function tooLarge(bound: BodyBound): RequestError {
  return new RequestError(
    'body_too_large',
    `the body has more than ${bound.bytesMax} bytes (${bound.name})`,
  );
}
