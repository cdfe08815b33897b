/**
 * A number for everything that is sent of a subscription, ascending with the time of sending: the
 * sequence for a first attempt in its turn, a place between two sequences for what comes again. Pure.
 */
import type { Entry } from './cursor-entry.js';

/** Places between two sequences; beyond them what comes again ties. */
const STEPS = 2 ** 20;

export class SendOrder {
  #last = 0;

  /** Of the next attempt of an entry, when `delivered` is the highest sequence that was sent. */
  of({ attempts, sequence }: Pick<Entry, 'attempts' | 'sequence'>, delivered: number): number {
    const isInTurn = attempts === 0 && sequence === delivered && sequence > this.#last;
    if (!isInTurn) return this.#again(delivered);
    this.#last = sequence;
    return sequence;
  }

  #again(delivered: number): number {
    const next = Math.max(this.#last, delivered) + 1 / STEPS;
    this.#last = Math.min(next, delivered + 1 - 1 / STEPS);
    return this.#last;
  }
}
