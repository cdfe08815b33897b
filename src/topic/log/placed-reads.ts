/** Reads that are folded by database: who asks for a topic waits for no other database than its own. */
import { type Asker, FoldedReads } from '../../log/contract/folded-reads.js';

/** What whoever asks needs of them. */
export type TopicReads<V> = Pick<FoldedReads<number, V>, 'read' | 'ask'>;

/** By topic id. `placeOf`: the place of its database; null: there is one, for all. */
export function readsOf<V>(
  read: (ids: readonly number[]) => Promise<ReadonlyMap<number, V>>,
  placeOf: ((topicId: number) => number) | null,
): TopicReads<V> {
  return placeOf === null ? new FoldedReads(read) : new PlacedReads(read, placeOf);
}

class PlacedReads<V> implements TopicReads<V> {
  readonly #read: (ids: readonly number[]) => Promise<ReadonlyMap<number, V>>;
  readonly #placeOf: (topicId: number) => number;
  readonly #byPlace = new Map<number, FoldedReads<number, V>>();

  constructor(
    read: (ids: readonly number[]) => Promise<ReadonlyMap<number, V>>,
    placeOf: (topicId: number) => number,
  ) {
    this.#read = read;
    this.#placeOf = placeOf;
  }

  read(id: number): Promise<V | null> {
    return this.#of(id).read(id);
  }

  ask(id: number, asker: Asker<number, V>): void {
    this.#of(id).ask(id, asker);
  }

  #of(id: number): FoldedReads<number, V> {
    const place = this.#placeOf(id);
    const known = this.#byPlace.get(place);
    if (known !== undefined) return known;
    const made = new FoldedReads(this.#read);
    this.#byPlace.set(place, made);
    return made;
  }
}
