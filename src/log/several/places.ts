/**
 * Which of several databases has which topic, by its id: as records of the log said that were read. Whoever
 * asks for a topic has its record, so an id that is not known here is looked up only by those who were told
 * it by another thread.
 */
import type { TopicRecord } from '../../core/topic-record.js';

/** Of those that only read: they look it up again. A worker forgets none, it has as many topics in memory. */
const KEPT_MAX = 100_000;

export class Places {
  readonly #kept: 'all' | 'lately';
  readonly #known = new Map<number, number>();
  readonly #find: (topicId: number) => Promise<number>;
  /** One that was known is elsewhere now. */
  onMoved: (place: number) => void = () => undefined;

  /** `find`: of a topic that is not known; 0 for one that is nowhere. */
  constructor(kept: 'all' | 'lately', find: (topicId: number) => Promise<number>) {
    this.#kept = kept;
    this.#find = find;
  }

  /** 0 for one that is not known. */
  known(topicId: number): number {
    return this.#known.get(topicId) ?? 0;
  }

  has(topicId: number): boolean {
    return this.#known.has(topicId);
  }

  of(topicId: number): number | Promise<number> {
    return this.#known.get(topicId) ?? this.#look(topicId);
  }

  learn(topicId: number, place: number): void {
    if (this.#kept === 'lately' && this.#known.size >= KEPT_MAX) this.#known.clear();
    const before = this.#known.get(topicId);
    this.#known.set(topicId, place);
    if (before !== undefined && before !== place) this.onMoved(place);
  }

  /** It was deleted. */
  forget(topicId: number): void {
    this.#known.delete(topicId);
  }

  async #look(topicId: number): Promise<number> {
    const place = await this.#find(topicId);
    this.learn(topicId, place);
    return place;
  }
}

/** As a caller of the log has it: where a topic is, is nobody's business above. */
export function withoutPlace({ place: _, ...record }: TopicRecord): TopicRecord {
  return record;
}
