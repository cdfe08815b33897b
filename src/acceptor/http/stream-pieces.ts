/** What a stream of an HTTP answer is written with: one closure for all of its pieces. */
import type { HttpResponse } from 'uWebSockets.js';

export class StreamPieces {
  readonly #res: HttpResponse;
  #piece: string | Uint8Array = '';
  #isTaken = true;

  constructor(res: HttpResponse) {
    this.#res = res;
  }

  write(piece: string | Uint8Array): boolean {
    this.#piece = piece;
    this.#res.cork(this.#corked);
    this.#piece = '';
    return this.#isTaken;
  }

  readonly #corked = (): void => {
    this.#isTaken = this.#res.write(this.#piece);
  };
}
