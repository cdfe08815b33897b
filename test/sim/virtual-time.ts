/**
 * Time that passes only when a simulation says so: what is due runs in order, by whichever timer it was set.
 */

interface Due {
  atMs: number;
  order: number;
  run: () => void;
}

/** Turns of promises that one event may cause. */
const TURNS = 8;

export class VirtualTime {
  nowMs = 0;
  #order = 0;
  /** A heap: the first is due first. */
  readonly #due: Due[] = [];

  after(ms: number, run: () => void): void {
    const due = { atMs: this.nowMs + Math.max(0, ms), order: ++this.#order, run };
    let at = this.#due.push(due) - 1;
    while (at > 0) {
      const above = (at - 1) >>> 1;
      if (!isBefore(due, this.#due[above])) break;
      this.#swap(at, above);
      at = above;
    }
  }

  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    for (let next = this.#due[0]; next !== undefined && next.atMs <= untilMs; next = this.#due[0]) {
      this.#removeFirst();
      this.nowMs = next.atMs;
      next.run();
      for (let turn = 0; turn < TURNS; turn++) await null;
    }
    this.nowMs = untilMs;
  }

  /** The product's own timers are this time's until the result is called. */
  install(): () => void {
    const real = globalThis.setTimeout;
    const virtual = (run: () => void, ms = 0): object => {
      this.after(ms, run);
      return { unref: () => undefined };
    };
    globalThis.setTimeout = virtual as unknown as typeof setTimeout;
    return () => {
      globalThis.setTimeout = real;
    };
  }

  #removeFirst(): void {
    const last = this.#due.pop();
    if (last === undefined || this.#due.length === 0) return;
    this.#due[0] = last;
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let first = at;
      if (isBefore(this.#due[left], this.#due[first])) first = left;
      if (isBefore(this.#due[right], this.#due[first])) first = right;
      if (first === at) return;
      this.#swap(at, first);
      at = first;
    }
  }

  #swap(a: number, b: number): void {
    const [one, other] = [this.#due[a], this.#due[b]];
    if (one === undefined || other === undefined) return;
    this.#due[a] = other;
    this.#due[b] = one;
  }
}

function isBefore(one: Due | undefined, other: Due | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
