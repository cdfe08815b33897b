/**
 * A thread's trouble on its way to the main thread (outages.ts): the first of a kind at once, what follows
 * counted and sent once a second, so that an outage floods neither the port nor the log.
 */
import type { Trouble } from './outages.js';

const SEND_MS = 1_000;
/** Nobody says the end of most kinds: of more, the one not heard of for longest is forgotten. */
const KINDS_MAX = 100;

export interface TroubleReportOptions {
  trouble: (trouble: Trouble, times: number) => void;
  over: (kind: string) => void;
}

export class TroubleReport {
  readonly #options: TroubleReportOptions;
  /** Of each kind under way: the latest, and how many were not sent yet. The last heard of is at the end. */
  readonly #kinds = new Map<string, { trouble: Trouble; times: number }>();
  #timer: NodeJS.Timeout | null = null;
  #state: 'open' | 'closed' = 'open';

  constructor(options: TroubleReportOptions) {
    this.#options = options;
  }

  trouble(trouble: Trouble): void {
    if (this.#state === 'closed') return;
    const known = this.#kinds.get(trouble.kind);
    if (known === undefined) {
      if (this.#kinds.size >= KINDS_MAX) this.#forgetOne();
      this.#kinds.set(trouble.kind, { trouble, times: 0 });
      this.#options.trouble(trouble, 1);
      return;
    }
    this.#kinds.delete(trouble.kind);
    this.#kinds.set(trouble.kind, known);
    known.trouble = trouble;
    known.times++;
    this.#timer ??= setTimeout(() => this.#send(), SEND_MS).unref();
  }

  over(kinds: readonly string[]): void {
    if (this.#kinds.size === 0) return;
    this.#send();
    for (const kind of kinds) if (this.#kinds.delete(kind)) this.#options.over(kind);
  }

  /** Nothing more is told: what fails now fails since everything ends. */
  close(): void {
    this.#state = 'closed';
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #forgetOne(): void {
    for (const [kind, { trouble, times }] of this.#kinds) {
      if (times > 0) this.#options.trouble(trouble, times);
      this.#kinds.delete(kind);
      return;
    }
  }

  #send(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const known of this.#kinds.values()) {
      if (known.times > 0) this.#options.trouble(known.trouble, known.times);
      known.times = 0;
    }
  }
}
