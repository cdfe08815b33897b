/**
 * A number that all threads of a node count together, up to a limit, and each thread's part of it: what
 * a thread held is given back when another takes its place. Exact whoever counts at the same moment.
 */
const TOTAL = 0;

export class SharedCount {
  readonly #cells: Int32Array;
  readonly #own: number;

  /** `index`: of the thread, from 0. It begins with nothing, whatever its predecessor held. */
  constructor(memory: SharedArrayBuffer, index: number) {
    this.#cells = new Int32Array(memory);
    this.#own = 1 + index;
    Atomics.sub(this.#cells, TOTAL, Atomics.exchange(this.#cells, this.#own, 0));
  }

  /** For so many threads. */
  static memory(threads: number): SharedArrayBuffer {
    return new SharedArrayBuffer((1 + threads) * Int32Array.BYTES_PER_ELEMENT);
  }

  get total(): number {
    return Atomics.load(this.#cells, TOTAL);
  }

  /** One more; false: there are `max`. */
  take(max: number): boolean {
    for (;;) {
      const count = this.total;
      if (count >= max) return false;
      if (Atomics.compareExchange(this.#cells, TOTAL, count, count + 1) !== count) continue;
      Atomics.add(this.#cells, this.#own, 1);
      return true;
    }
  }

  giveBack(): void {
    Atomics.sub(this.#cells, this.#own, 1);
    Atomics.sub(this.#cells, TOTAL, 1);
  }
}
