/**
 * The acknowledgements under way on one link, and whose they are. They have no answer of their own: the
 * worker gives credit back for as many as it took, in the order they came, so an owner's share is known
 * by its place in that order. Runs on the acceptor's thread.
 */

/** Whoever acknowledges: how many of its acknowledgements are under way. */
export interface AckOwner {
  acks: number;
}

/** Runs that are done stay in front until there are so many. */
const DONE_RUNS_MAX = 1_024;

export class AckCredit {
  readonly #max: number;
  #underWay = 0;
  /** Acknowledgements one after another of one owner are a run; two lists, so that none is an object. */
  readonly #owners: (AckOwner | null)[] = [];
  readonly #counts: number[] = [];
  /** Index of the oldest run that is under way. */
  #at = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether there may be one more; a frame that needs several may overdraw. */
  get hasRoom(): boolean {
    return this.#underWay < this.#max;
  }

  /** Counts one of `owner`; null: nobody's. */
  take(owner: AckOwner | null): void {
    this.#underWay++;
    if (owner !== null) owner.acks++;
    const last = this.#counts.length - 1;
    if (last >= this.#at && this.#owners[last] === owner) {
      this.#counts[last] = (this.#counts[last] ?? 0) + 1;
    } else {
      this.#owners.push(owner);
      this.#counts.push(1);
    }
  }

  /** The worker took so many of the oldest. */
  giveBack(acks: number): void {
    this.#underWay -= acks;
    for (let left = acks; left > 0; ) {
      const count = this.#counts[this.#at] ?? 0;
      const owner = this.#owners[this.#at];
      if (owner === undefined) break;
      const taken = Math.min(count, left);
      left -= taken;
      if (owner !== null) owner.acks -= taken;
      this.#counts[this.#at] = count - taken;
      if (taken === count) this.#at++;
    }
    this.#forgetDone();
  }

  /** Nobody will give them back. */
  giveBackAll(): void {
    this.giveBack(this.#underWay);
  }

  #forgetDone(): void {
    const runs = this.#counts.length;
    if (this.#at < runs && (this.#at < DONE_RUNS_MAX || this.#at * 2 < runs)) return;
    this.#owners.splice(0, this.#at);
    this.#counts.splice(0, this.#at);
    this.#at = 0;
  }
}
