/**
 * One request for messages that waits for its answer: what it was given so far, how much more it takes, and
 * whether it may be answered with that. Answered, it is no more.
 */

import { formatToken } from '../../wire/delivery-token.js';
import type { PullAsk } from '../../wire/schemas/pulls.js';
import type { GapView } from '../../wire/server-frame-types.js';
import { deliveredAs } from '../delivery/publish-log.js';
import type { Exchange } from '../http/exchange.js';

/** Beyond its wait, for the answer that there is nothing: its worker may be looking for who coordinates. */
const LATE_MS = 5_000;
const BEGIN = Buffer.from('{"messages":[');
const COMMA = Buffer.from(',');

export class Pull {
  readonly exchange: Exchange;
  /** Messages more that it takes. */
  left: number;
  /** Sequences of what it was given. */
  readonly given: number[] = [];
  /** It was said since it came that there is nothing more now. */
  isDry = false;
  readonly #bytesMax: number;
  readonly #parts: Uint8Array[] = [];
  readonly #timer: { current: NodeJS.Timeout };
  #bytes = 0;
  /** waiting: for a message; over: no longer; late: nor for the word that there is none. */
  #wait: 'waiting' | 'over' | 'late' = 'waiting';

  /** `onDue`: it is to be looked at. */
  constructor(
    exchange: Exchange,
    { max, wait_ms: waitMs }: Pick<PullAsk, 'max' | 'wait_ms'>,
    { bytesMax, onDue }: { bytesMax: number; onDue: (pull: Pull) => void },
  ) {
    this.exchange = exchange;
    this.left = max;
    this.#bytesMax = bytesMax;
    const late = (): void => {
      this.#wait = 'late';
      onDue(this);
    };
    const over = (): void => {
      this.#wait = 'over';
      this.#timer.current = setTimeout(late, LATE_MS);
      onDue(this);
    };
    this.#timer = { current: setTimeout(over, waitMs) };
  }

  /** False: it has no room for this frame; one it always has. */
  take(frame: Uint8Array, epoch: string): boolean {
    const isTooMuch = this.given.length > 0 && this.#bytes + frame.length > this.#bytesMax;
    if (this.left === 0 || isTooMuch) return false;
    const place = deliveredAs(frame);
    const token = formatToken({ ...place, epoch });
    if (this.given.length > 0) this.#parts.push(COMMA);
    // The frame is an object with members.
    this.#parts.push(Buffer.from(`{"token":"${token}",`), frame.slice(1));
    this.given.push(place.sequence);
    this.#bytes += frame.length;
    this.left--;
    return true;
  }

  /** Whether to be answered now. */
  get isDue(): boolean {
    if (this.left === 0 || this.#wait === 'late') return true;
    return this.isDry && (this.given.length > 0 || this.#wait === 'over');
  }

  /** Nothing is waited for any more. */
  over(): void {
    clearTimeout(this.#timer.current);
  }

  /** False: nobody is there to have it, as far as that is known now. */
  answer(gap: GapView | null): boolean {
    const end = gap === null ? ']}' : `],"gap":${JSON.stringify(gap)}}`;
    return this.exchange.reply(200, Buffer.concat([BEGIN, ...this.#parts, Buffer.from(end)]));
  }
}
