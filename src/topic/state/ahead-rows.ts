/**
 * Committed messages of a topic that came before those in front of them, until these come or are read from
 * the log. In any order in, in sequence order out, each once. What finds no room is not kept: the log has
 * it.
 */
import { type LogRow, rowBytes } from '../../core/message.js';

export const AHEAD_ROWS_MAX = 4_096;
const AHEAD_BYTES_MAX = 8 * 1024 * 1024;

export class AheadRows {
  /** In sequence order, none twice. */
  #rows: LogRow[] = [];
  #bytes = 0;

  get size(): number {
    return this.#rows.length;
  }

  /** Rows of one topic and epoch, in sequence order. */
  add(rows: readonly LogRow[]): void {
    const last = this.#rows.at(-1)?.sequence ?? 0;
    const isBehind = (rows[0]?.sequence ?? 0) > last;
    const known = isBehind ? null : new Set(this.#rows.map(({ sequence }) => sequence));
    for (const row of rows) {
      if (known?.has(row.sequence)) continue;
      const bytes = rowBytes(row);
      if (this.#rows.length >= AHEAD_ROWS_MAX || this.#bytes + bytes > AHEAD_BYTES_MAX) break;
      this.#rows.push(row);
      this.#bytes += bytes;
    }
    if (!isBehind) this.#rows.sort((a, b) => a.sequence - b.sequence);
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
    this.#rows = rows.slice(to);
    this.#bytes = this.#rows.reduce((sum, row) => sum + rowBytes(row), 0);
    return taken;
  }

  clear(): void {
    this.#rows = [];
    this.#bytes = 0;
  }
}
