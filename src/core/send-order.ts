/**
 * A number for everything that is sent of a subscription, ascending with the time of sending: the
 * sequence for a first attempt in its turn, a place between two sequences for what comes again. Pure.
 */

/** Places between two sequences; beyond them what comes again ties. */
const STEPS = 2 ** 20;

export class SendOrder {
  #last = 0;

  /** Of a first attempt; 0: what was sent before it is higher. */
  inTurn(sequence: number): number {
    if (sequence <= this.#last) return 0;
    this.#last = sequence;
    return sequence;
  }

  /** Of anything else, when `delivered` is the highest sequence that was sent. */
  again(delivered: number): number {
    const next = Math.max(this.#last, delivered) + 1 / STEPS;
    this.#last = Math.min(next, delivered + 1 - 1 / STEPS);
    return this.#last;
  }
}
