/**
 * A number that all threads of a node count together, and each thread's part of it: what a thread held is
 * given back when another takes its place. Exact whoever counts at the same moment.
 */
const TOTAL = 0;

export class SharedCount {
  readonly #cells: BigInt64Array;
  readonly #own: number;

  /** `index`: of the thread, from 0. It begins with nothing, whatever its predecessor held. */
  constructor(memory: SharedArrayBuffer, index: number) {
    this.#cells = new BigInt64Array(memory);
    this.#own = 1 + index;
    Atomics.sub(this.#cells, TOTAL, Atomics.exchange(this.#cells, this.#own, 0n));
  }

  /** For so many threads. */
  static memory(threads: number): SharedArrayBuffer {
    return new SharedArrayBuffer((1 + threads) * BigInt64Array.BYTES_PER_ELEMENT);
  }

  /** For whoever counts nothing itself. */
  static totalOf(memory: SharedArrayBuffer): number {
    return Number(Atomics.load(new BigInt64Array(memory), TOTAL));
  }

  get total(): number {
    return Number(Atomics.load(this.#cells, TOTAL));
  }

  /** One more; false: there are `max`. */
  take(max: number): boolean {
    for (;;) {
      const count = Atomics.load(this.#cells, TOTAL);
      if (count >= max) return false;
      if (Atomics.compareExchange(this.#cells, TOTAL, count, count + 1n) !== count) continue;
      Atomics.add(this.#cells, this.#own, 1n);
      return true;
    }
  }

  giveBack(): void {
    this.add(-1);
  }

  /** So many more, or fewer. */
  add(by: number): void {
    Atomics.add(this.#cells, this.#own, BigInt(by));
    Atomics.add(this.#cells, TOTAL, BigInt(by));
  }
}
