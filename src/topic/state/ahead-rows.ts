/**
 * Committed messages of a topic that came before those in front of them, until these come or are read from
 * the log. In any order in, in sequence order out, each once. What finds no room is not kept: the log has
 * it. AheadBudget bounds all topics of the worker together.
 */
import { type LogRow, rowBytes } from '../../core/message.js';

export const AHEAD_ROWS_MAX = 4_096;
const AHEAD_BYTES_MAX = 8 * 1024 * 1024;

/** Bytes of rows, as rowBytes reckons them. */
export class AheadBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** False: there is no room, and nothing was taken. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }
}

export class AheadRows {
  readonly #budget: AheadBudget;
  /** In sequence order, none twice. */
  #rows: LogRow[] = [];
  #bytes = 0;

  constructor(budget: AheadBudget) {
    this.#budget = budget;
  }

  get size(): number {
    return this.#rows.length;
  }

  /** Rows of one topic and epoch, in sequence order. `full`: the first of them alone are kept, or none. */
  add(rows: readonly LogRow[]): 'kept' | 'full' {
    const last = this.#rows.at(-1)?.sequence ?? 0;
    const isBehind = (rows[0]?.sequence ?? 0) > last;
    const known = isBehind ? null : new Set(this.#rows.map(({ sequence }) => sequence));
    let outcome: 'kept' | 'full' = 'kept';
    for (const row of rows) {
      if (known?.has(row.sequence)) continue;
      const bytes = rowBytes(row);
      if (!this.#hasRoom(bytes)) {
        outcome = 'full';
        break;
      }
      this.#rows.push(row);
      this.#bytes += bytes;
    }
    if (!isBehind) this.#rows.sort((a, b) => a.sequence - b.sequence);
    return outcome;
  }

  /** Takes out those that follow `head` without a gap; what is not above it goes. */
  takeAfter(head: number): LogRow[] {
    const rows = this.#rows;
    let from = 0;
    while (from < rows.length && (rows[from]?.sequence ?? 0) <= head) from++;
    let to = from;
    while (to < rows.length && rows[to]?.sequence === head + 1 + to - from) to++;
    if (to === 0) return [];
    const taken = rows.slice(from, to);
    this.#keep(rows.slice(to));
    return taken;
  }

  clear(): void {
    this.#keep([]);
  }

  /** Takes it of the budget of all, too. */
  #hasRoom(bytes: number): boolean {
    if (this.#rows.length >= AHEAD_ROWS_MAX || this.#bytes + bytes > AHEAD_BYTES_MAX) return false;
    return this.#budget.take(bytes);
  }

  #keep(rows: LogRow[]): void {
    const bytes = rows.reduce((sum, row) => sum + rowBytes(row), 0);
    this.#budget.giveBack(this.#bytes - bytes);
    this.#rows = rows;
    this.#bytes = bytes;
  }
}
