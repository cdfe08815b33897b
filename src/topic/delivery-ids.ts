/**
 * From message ids to sequences for the acks that name only an id: a bounded memory of the newest
 * deliveries. The key is the last 48 bits of the id, all random in a UUIDv7.
 */
export class DeliveryIds {
  readonly #sequences = new Map<number, number>();
  readonly #entriesMax: number;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  add(messageId: Uint8Array, sequence: number): void {
    if (this.#sequences.size >= this.#entriesMax) {
      const oldest = this.#sequences.keys().next().value;
      if (oldest !== undefined) this.#sequences.delete(oldest);
    }
    this.#sequences.set(keyOf(messageId), sequence);
  }

  /** 0 when it is not remembered. */
  find(messageId: Uint8Array): number {
    return this.#sequences.get(keyOf(messageId)) ?? 0;
  }

  clear(): void {
    this.#sequences.clear();
  }
}

function keyOf(id: Uint8Array): number {
  const high = ((id[10] ?? 0) << 8) | (id[11] ?? 0);
  const low =
    (((id[12] ?? 0) << 24) | ((id[13] ?? 0) << 16) | ((id[14] ?? 0) << 8) | (id[15] ?? 0)) >>> 0;
  return high * 2 ** 32 + low;
}
