/**
 * A binary min-heap of (key, value): which subscriptions' windows are full first. Keys are those of
 * the time of the push; a user that finds an outdated one pushes it again, and drops those that many
 * pushes leave behind (`retain`). Pure.
 */
export class MinHeap<V> {
  readonly #keys: number[] = [];
  readonly #values: V[] = [];

  get size(): number {
    return this.#keys.length;
  }

  /** Smallest key, Infinity when empty. */
  get minKey(): number {
    return this.#keys[0] ?? Number.POSITIVE_INFINITY;
  }

  /** The value with the smallest key, which stays; undefined when empty. */
  get min(): V | undefined {
    return this.#values[0];
  }

  push(key: number, value: V): void {
    let at = this.#keys.push(key) - 1;
    this.#values.push(value);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#key(parent) <= this.#key(at)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** The value with the smallest key; undefined when empty. */
  pop(): V | undefined {
    const top = this.#values[0];
    const last = this.#keys.length - 1;
    if (last < 0) return undefined;
    this.#swap(0, last);
    this.#keys.pop();
    this.#values.pop();
    this.#sink();
    return top;
  }

  /** Drops all others, whatever their key: in O(n), so once in a while. */
  retain(isKept: (value: V, key: number) => boolean): void {
    let kept = 0;
    for (let at = 0; at < this.#values.length; at++) {
      const value = this.#values[at] as V;
      if (!isKept(value, this.#key(at))) continue;
      this.#keys[kept] = this.#key(at);
      this.#values[kept++] = value;
    }
    this.#keys.length = kept;
    this.#values.length = kept;
    for (let at = (kept >> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  #sink(from = 0): void {
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      let least = at;
      if (this.#key(left) < this.#key(least)) least = left;
      if (this.#key(right) < this.#key(least)) least = right;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #key(at: number): number {
    return this.#keys[at] ?? Number.POSITIVE_INFINITY;
  }

  #swap(a: number, b: number): void {
    const key = this.#keys[a] ?? 0;
    this.#keys[a] = this.#keys[b] ?? 0;
    this.#keys[b] = key;
    const value = this.#values[a] as V;
    this.#values[a] = this.#values[b] as V;
    this.#values[b] = value;
  }
}
