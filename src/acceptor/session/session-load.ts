/**
 * What one session has under way at the workers, and how often it was refused of late. Both are bounded,
 * so that one session cannot make the others wait. Counted in quarters of a publish: an acknowledgement
 * that needs no answer is one, a publish and whatever else is answered four, and a subscribe or
 * unsubscribe so many that twice SUBSCRIPTIONS_PER_SESSION_MAX of them are all.
 */
import { RequestError } from '../../core/errors.js';
import { LIMITS, type Limits } from '../../core/limits.js';
import type { AckOwner } from '../../thread/ack-credit.js';

/** Refused frames, heartbeats, pings and pongs in a second: 5 ms of this thread. One more is too many. */
const REFUSED_MAX = 1_024;
const REFUSED_MS = 1_000;

/** Quarters of a publish. */
const ACK = 1;
const REQUEST = 4;

/** The session has as much under way as it may. */
export class TooMuchUnderWay extends RequestError {
  constructor(what: string) {
    super('busy', `more of this session is under way than it may have (${what})`);
  }
}

export class SessionLoad implements AckOwner {
  /** Acknowledgements without an answer, until their credit is back (thread/ack-credit.ts). */
  acks = 0;
  /** All others, in quarters of a publish. */
  #quarters = 0;
  #bytes = 0;
  /** Of these, what was answered and counts all the same; null: nothing does. */
  #answered: { quarters: number; bytes: number } | null = null;
  #refused = 0;
  #refusedSinceMs = Number.NEGATIVE_INFINITY;
  /** Refusals that are not held against it. */
  #pardoned = 0;

  /** Throws TooMuchUnderWay, as all checks do; nothing is counted. One without an answer. */
  checkAck(limits: Limits): void {
    this.#check(limits, ACK);
  }

  /** A publish of so many bytes; a verdict that is answered has none. */
  checkRequest(limits: Limits, bytes: number): void {
    this.#check(limits, REQUEST);
    // One alone may be as large as it likes.
    if (this.#bytes === 0 || this.#bytes + bytes <= limits.sessionRequestBytesMax) return;
    throw new TooMuchUnderWay('SESSION_REQUEST_BYTES_MAX');
  }

  requestSent(bytes: number): void {
    this.#quarters += REQUEST;
    this.#bytes += bytes;
  }

  requestAnswered(bytes: number): void {
    this.#give(REQUEST, bytes);
  }

  /**
   * From now on answers give nothing back: what a client sends at once is counted as if it had been read at
   * once, however long that takes.
   */
  hold(): void {
    this.#answered ??= { quarters: 0, bytes: 0 };
  }

  /** What it had sent at once was read. */
  release(): void {
    if (this.#answered === null) return;
    const { quarters, bytes } = this.#answered;
    this.#answered = null;
    this.#give(quarters, bytes);
  }

  /** A subscribe or unsubscribe. */
  checkSubscribe(limits: Limits): void {
    this.#check(limits, subscribeQuarters(limits));
  }

  subscribeSent(limits: Limits): void {
    this.#quarters += subscribeQuarters(limits);
  }

  subscribeAnswered(limits: Limits): void {
    this.#give(subscribeQuarters(limits), 0);
  }

  /**
   * A subscription ended, or stands still, by no doing of the session: acknowledgements of what it was
   * given are on their way, and will be refused.
   */
  pardon(): void {
    this.#pardoned += LIMITS.inFlightMax.max;
  }

  /** One more frame that brought nothing about; true: it is one too many. */
  refused(nowMs: number): boolean {
    if (this.#pardoned > 0) {
      this.#pardoned--;
      return false;
    }
    if (nowMs - this.#refusedSinceMs >= REFUSED_MS) {
      this.#refusedSinceMs = nowMs;
      this.#refused = 0;
    }
    this.#refused++;
    return this.#refused > REFUSED_MAX;
  }

  #give(quarters: number, bytes: number): void {
    if (this.#answered === null) {
      this.#quarters -= quarters;
      this.#bytes -= bytes;
    } else {
      this.#answered.quarters += quarters;
      this.#answered.bytes += bytes;
    }
  }

  #check({ sessionRequestsMax }: Limits, quarters: number): void {
    if (this.#quarters + this.acks + quarters <= sessionRequestsMax * REQUEST) return;
    throw new TooMuchUnderWay('SESSION_REQUESTS_MAX');
  }
}

function subscribeQuarters(limits: Limits): number {
  const { sessionRequestsMax, subscriptionsPerSessionMax } = limits;
  const share = Math.floor((sessionRequestsMax * REQUEST) / (2 * subscriptionsPerSessionMax));
  return Math.max(REQUEST, share);
}
