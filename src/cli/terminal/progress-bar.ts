/** How far long work is: one line on stderr that is written again, on a terminal only. */
const BAR_CHARS = 24;
const REDRAW_MS = 100;
/** To the start of the line, which is cleared. */
const CLEAR = '\r\u001b[2K';

export interface ProgressBarOptions {
  /** What is counted: `published`. */
  what: string;
  /** Null: nobody knows. */
  total: number | null;
}

export class ProgressBar {
  readonly #what: string;
  #total: number | null;
  readonly #startedAt = performance.now();
  #drawnAt = Number.NEGATIVE_INFINITY;
  readonly #state: 'off' | 'on' = process.stderr.isTTY ? 'on' : 'off';

  constructor({ what, total }: ProgressBarOptions) {
    this.#what = what;
    this.#total = total;
  }

  show(done: number, total: number | null = this.#total): void {
    const now = performance.now();
    if (this.#state === 'off' || now - this.#drawnAt < REDRAW_MS) return;
    this.#total = total;
    this.#drawnAt = now;
    const rate = Math.round((done * 1_000) / Math.max(1, now - this.#startedAt));
    process.stderr.write(`${CLEAR}${this.#bar(done)}${this.#what} ${rate}/s`);
  }

  /** The line is free again. */
  end(): void {
    if (this.#drawnAt > 0) process.stderr.write(CLEAR);
  }

  #bar(done: number): string {
    if (this.#total === null) return `${done} `;
    const share = this.#total === 0 ? 1 : Math.min(1, done / this.#total);
    const full = Math.round(share * BAR_CHARS);
    const bar = '#'.repeat(full).padEnd(BAR_CHARS, '.');
    return `[${bar}] ${Math.floor(share * 100)} %  ${done} of ${this.#total} `;
  }
}
