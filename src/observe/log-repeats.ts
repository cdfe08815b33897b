/**
 * Lines that come again and again: of those that are alike the first is written, what follows within ten
 * seconds is counted, and the last of it is written then, with how many were not. Bounded in kinds.
 */
const ALIKE_MS = 10_000;
/** Further kinds share one: what is alike is the event. */
const KINDS_MAX = 256;

interface Repeats {
  /** Writes the latest of them, with how many like it were not written. */
  write: ((suppressed: number) => void) | null;
  count: number;
}

export class LogRepeats {
  readonly #kinds = new Map<string, Repeats>();
  readonly #alikeMs: number;

  constructor(alikeMs = ALIKE_MS) {
    this.#alikeMs = alikeMs;
  }

  /** `event` and what else makes lines alike. */
  told(event: string, alike: string, write: (suppressed: number) => void): void {
    const key = this.#kinds.size < KINDS_MAX ? `${event} ${alike}` : event;
    const known = this.#kinds.get(key);
    if (known !== undefined) {
      known.write = write;
      known.count++;
      return;
    }
    const repeats: Repeats = { write: null, count: 0 };
    this.#kinds.set(key, repeats);
    setTimeout(() => this.#over(key, repeats), this.#alikeMs).unref();
    write(0);
  }

  /** What was counted is written now: the process ends. */
  flush(): void {
    for (const [key, repeats] of this.#kinds) this.#over(key, repeats);
  }

  #over(key: string, { write, count }: Repeats): void {
    if (this.#kinds.delete(key) && write !== null) write(count - 1);
  }
}
