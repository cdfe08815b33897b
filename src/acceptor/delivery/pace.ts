/**
 * How long a group rests between two writes. While the thread has time to spare it does not rest at all;
 * when the thread is nearly full, writes wait for each other a little, so that more messages go out in
 * one: that costs milliseconds, where a thread that is full costs all its clients their answers. What
 * network cards call interrupt moderation. Pure: time and load come in.
 */

/** The share of its time that the thread may be busy before groups rest. */
const BUSY_SHARE = 0.65;
/** Ms; between two looks at the load. */
const LOOK_MS = 20;
/** Ms by which a look at a thread that is all busy, or all idle, changes the rest. */
const GAIN_MS = 8;
const REST_MS_MAX = 20;

export class Pace {
  readonly #busyShare: () => number;
  #restMs = 0;
  #lookedAtMs = 0;

  /** `busyShare`: how busy the thread was since it was asked last, 0 to 1. */
  constructor(busyShare: () => number) {
    this.#busyShare = busyShare;
  }

  /** Ms from one write to a full group to the next. */
  restMs(nowMs: number): number {
    if (nowMs - this.#lookedAtMs < LOOK_MS) return this.#restMs;
    this.#lookedAtMs = nowMs;
    const wanted = this.#restMs + (this.#busyShare() - BUSY_SHARE) * GAIN_MS;
    this.#restMs = Math.min(REST_MS_MAX, Math.max(0, wanted));
    return this.#restMs;
  }
}
