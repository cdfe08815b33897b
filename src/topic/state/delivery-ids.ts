/**
 * From message ids to sequences for the acks that name only an id: a bounded memory of the newest
 * deliveries. The key is the last 48 bits of the id, all random in a UUIDv7. Rows are indexed when
 * the first id is asked for: whoever acknowledges by sequence pays nothing.
 */
import type { LogRow } from '../../core/message.js';

export class DeliveryIds {
  readonly #sequences = new Map<number, number>();
  readonly #entriesMax: number;
  /** Not indexed yet, oldest first; the arrays are others' and are not changed. */
  #rows: (readonly LogRow[])[] = [];
  #rowCount = 0;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  add(rows: readonly LogRow[]): void {
    this.#rows.push(rows);
    this.#rowCount += rows.length;
    while (this.#rowCount - (this.#rows[0]?.length ?? 0) >= this.#entriesMax) {
      this.#rowCount -= this.#rows.shift()?.length ?? 0;
    }
  }

  /** 0 when it is not remembered. */
  find(messageId: Uint8Array): number {
    if (this.#rows.length > 0) this.#index();
    return this.#sequences.get(keyOf(messageId)) ?? 0;
  }

  clear(): void {
    this.#sequences.clear();
    this.#rows = [];
    this.#rowCount = 0;
  }

  #index(): void {
    for (const rows of this.#rows) {
      for (const row of rows) this.#sequences.set(keyOf(row.messageId), row.sequence);
    }
    this.#rows = [];
    this.#rowCount = 0;
    const excess = this.#sequences.size - this.#entriesMax;
    if (excess <= 0) return;
    let dropped = 0;
    for (const key of this.#sequences.keys()) {
      if (dropped++ >= excess) break;
      this.#sequences.delete(key);
    }
  }
}

function keyOf(id: Uint8Array): number {
  const high = ((id[10] ?? 0) << 8) | (id[11] ?? 0);
  const low =
    (((id[12] ?? 0) << 24) | ((id[13] ?? 0) << 16) | ((id[14] ?? 0) << 8) | (id[15] ?? 0)) >>> 0;
  return high * 2 ** 32 + low;
}
