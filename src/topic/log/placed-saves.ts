/**
 * Saves by database: what one of several cannot take holds up nothing of the others. A tracker stays with the
 * saves that it came to first, wherever its topic is by then: two saves of it never pass each other.
 */
import type { Topic, Tracker } from '../state/subscription.js';
import { Saves, type SavesOptions, type Unsaved } from './saves.js';

export type TrackerSaves = Pick<Saves, 'changed' | 'fellBack' | 'giveUp' | 'flush' | 'close'>;

/** `placeOf`: the place of a topic's database; null: there is one, for all. */
export function savesOf(
  options: SavesOptions,
  placeOf: ((topicId: number) => number) | null,
): TrackerSaves {
  return placeOf === null ? new Saves(options) : new PlacedSaves(options, placeOf);
}

class PlacedSaves implements TrackerSaves {
  readonly #options: SavesOptions;
  readonly #placeOf: (topicId: number) => number;
  readonly #byPlace = new Map<number, Saves>();
  readonly #of = new WeakMap<Tracker, Saves>();

  constructor(options: SavesOptions, placeOf: (topicId: number) => number) {
    this.#options = options;
    this.#placeOf = placeOf;
  }

  changed(tracker: Tracker): void {
    this.#savesOf(tracker).changed(tracker);
  }

  fellBack(tracker: Tracker, upTo: number): void {
    this.#savesOf(tracker).fellBack(tracker, upTo);
  }

  giveUp(topics: ReadonlySet<Topic>): void {
    for (const saves of this.#byPlace.values()) saves.giveUp(topics);
  }

  async flush(): Promise<void> {
    await Promise.all([...this.#byPlace.values()].map((saves) => saves.flush()));
  }

  async close(shutdownMs: number): Promise<Unsaved> {
    const left = await Promise.all(
      [...this.#byPlace.values()].map((saves) => saves.close(shutdownMs)),
    );
    return {
      cursors: left.reduce((sum, { cursors }) => sum + cursors, 0),
      acks: left.reduce((sum, { acks }) => sum + acks, 0),
    };
  }

  #savesOf(tracker: Tracker): Saves {
    const known = this.#of.get(tracker);
    if (known !== undefined) return known;
    const place = this.#placeOf(tracker.topic.id);
    const saves = this.#byPlace.get(place) ?? new Saves(this.#options);
    this.#byPlace.set(place, saves);
    this.#of.set(tracker, saves);
    return saves;
  }
}
