/**
 * When sequences of a topic were sent, to within a few milliseconds and never too early: one mark for
 * what went out together, not one per message. Pure.
 */
const GRAIN_MS = 8;
const MARKS_MAX = 256;

export class SendTimes {
  /** Ascending: the last sequence of each mark, when it was begun, when it was last added to. */
  #lasts: number[] = [];
  #begun: number[] = [];
  #times: number[] = [];

  /** Everything up to `sequence` that is not in a mark yet was sent now. */
  sent(sequence: number, nowMs: number): void {
    const top = this.#lasts.length - 1;
    if (top >= 0 && nowMs - (this.#begun[top] ?? 0) < GRAIN_MS) {
      this.#lasts[top] = sequence;
      this.#times[top] = nowMs;
      return;
    }
    this.#lasts.push(sequence);
    this.#begun.push(nowMs);
    this.#times.push(nowMs);
    if (this.#lasts.length > MARKS_MAX) this.#forgetOldest(MARKS_MAX / 2);
  }

  /** What comes after `sequence` will be sent again, at another time: after a seek back. */
  rewind(sequence: number): void {
    const top = this.#lasts.findIndex((last) => last >= sequence);
    if (top < 0) return;
    for (const list of [this.#lasts, this.#begun, this.#times]) list.length = top + 1;
    this.#lasts[top] = sequence;
    // Nothing may be added to it: what comes next was not sent with it.
    this.#begun[top] = Number.NEGATIVE_INFINITY;
  }

  /** The last sequence that is in a mark; 0: none. */
  get last(): number {
    return this.#lasts.at(-1) ?? 0;
  }

  /** When it was sent; -Infinity: not in a mark. What is older than all marks counts as the oldest. */
  at(sequence: number): number {
    let low = 0;
    let high = this.#lasts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#lasts[middle] ?? 0) < sequence) low = middle + 1;
      else high = middle;
    }
    return this.#times[low] ?? Number.NEGATIVE_INFINITY;
  }

  #forgetOldest(count: number): void {
    this.#lasts = this.#lasts.slice(count);
    this.#begun = this.#begun.slice(count);
    this.#times = this.#times.slice(count);
  }
}
