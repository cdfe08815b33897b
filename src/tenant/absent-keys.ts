/** Ids of keys that were looked up and are not there: who shows one again is refused without a look-up. */

const REMEMBERED_MS = 10_000;
/** At the bound the oldest is forgotten, whoever makes ids up. */
const ABSENT_MAX = 16_384;

export class AbsentKeys {
  /** With the monotonic ms until which they are remembered, the oldest first. */
  readonly #untilMs = new Map<string, number>();

  get size(): number {
    return this.#untilMs.size;
  }

  has(id: string, nowMs: number): boolean {
    const untilMs = this.#untilMs.get(id);
    return untilMs !== undefined && untilMs > nowMs;
  }

  add(id: string, nowMs: number): void {
    this.#untilMs.delete(id);
    this.#untilMs.set(id, nowMs + REMEMBERED_MS);
    if (this.#untilMs.size <= ABSENT_MAX) return;
    for (const oldest of this.#untilMs.keys()) {
      this.#untilMs.delete(oldest);
      return;
    }
  }

  delete(id: string): void {
    this.#untilMs.delete(id);
  }

  clear(): void {
    this.#untilMs.clear();
  }

  sweep(nowMs: number): void {
    for (const [id, untilMs] of this.#untilMs) {
      if (untilMs > nowMs) return;
      this.#untilMs.delete(id);
    }
  }
}
