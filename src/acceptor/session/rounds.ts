/**
 * Goes round a set so that each member has its turn once in a given time, and no two turns are nearer
 * than need be. It keeps nothing of a member: who joins has the last turn of the round, at the latest.
 */
export class Rounds<T> {
  readonly #members: ReadonlySet<T>;
  readonly #roundMs: number;
  #next: Iterator<T>;
  /** Turns that are due, with the fraction that is not yet. */
  #due = 0;

  constructor(members: ReadonlySet<T>, roundMs: number) {
    this.#members = members;
    this.#roundMs = roundMs;
    this.#next = members.values();
  }

  /** Those whose turn came in the last `elapsedMs`; nobody twice in one call. */
  turns(elapsedMs: number): T[] {
    const { size } = this.#members;
    this.#due = Math.min(size, this.#due + (size * elapsedMs) / this.#roundMs);
    const turns: T[] = [];
    while (this.#due >= 1) {
      let next = this.#next.next();
      if (next.done === true) {
        this.#next = this.#members.values();
        next = this.#next.next();
      }
      if (next.done === true) break;
      turns.push(next.value);
      this.#due--;
    }
    return turns;
  }
}
