/**
 * Writes a long answer to a client no faster than it reads. One that takes nothing is cut off by uWS after
 * ten seconds (its HTTP_TIMEOUT_S), which runs onGone.
 */
import type { Exchange } from './exchange.js';

/** No more at a time than a socket that has room again takes: uWS keeps the rest, without a bound. */
const SLICE_BYTES = 64 * 1024;

export class PacedWriter {
  readonly #exchange: Exchange;
  #writable: (() => void) | null = null;

  constructor(exchange: Exchange, type: string) {
    this.#exchange = exchange;
    exchange.onGone = () => this.#writable?.();
    exchange.startStream(type, [], () => this.#writable?.());
  }

  /** False once the client has gone. */
  async write(bytes: Uint8Array): Promise<boolean> {
    for (let at = 0; at < bytes.length && this.#exchange.isOpen; at += SLICE_BYTES) {
      const slice = bytes.subarray(at, at + SLICE_BYTES);
      if (!this.#exchange.write(slice)) {
        await new Promise<void>((resolve) => {
          this.#writable = resolve;
        });
      }
    }
    return this.#exchange.isOpen;
  }
}
