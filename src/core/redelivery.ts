/** When a failed delivery is tried again: the ack wait, doubled with every attempt. Pure. */

export interface RedeliveryRule {
  /** The first step, ms. */
  ackWaitMs: number;
  /** Attempts, the first included, before the dead letter. */
  maxDeliver: number;
}

export const REDELIVERY_CAP_MS = 60_000;
/** Of the step, so that what failed together does not come back together. */
const JITTER = 0.1;

/**
 * Ms from attempt `attempt` (from 1) to the next one, or to the dead letter after the last. With
 * jitter in [0, 10 %] on top. With the defaults attempts come at 0, 1, 3, 7, 15 s, the end at 31 s.
 */
export function redeliveryMs(attempt: number, rule: RedeliveryRule, random: () => number): number {
  const step = rule.ackWaitMs * 2 ** Math.min(attempt - 1, 30);
  // An ack wait above the cap was asked for by name: it is not shortened.
  const capped = Math.min(step, Math.max(REDELIVERY_CAP_MS, rule.ackWaitMs));
  return capped * (1 + random() * JITTER);
}

/** Chance for `redeliveryMs`: one for all of a moment, so that what fails together comes in order. */
export class Jitter {
  readonly #random: () => number;
  #atMs = Number.NaN;
  #value = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  at(nowMs: number): () => number {
    if (nowMs !== this.#atMs) this.#value = this.#random();
    this.#atMs = nowMs;
    return () => this.#value;
  }
}
