/** The history of failures in memory: the newest FAILURES_MAX of all topics, each once. Pure. */
import type { FailureRecord } from '../../core/trace-record.js';

const FAILURES_MAX = 10_000;

/** null: of an ephemeral subscription. */
export interface KeptFailure extends FailureRecord {
  topicId: number;
  subscriptionId: number | null;
}

export class MemoryFailures {
  /** In the order they came; a Map, so that a save that is repeated finds them. */
  readonly #kept = new Map<string, KeptFailure>();

  add(failure: KeptFailure): void {
    const key = keyOf(failure);
    if (this.#kept.has(key)) return;
    this.#kept.set(key, { ...failure });
    if (this.#kept.size <= FAILURES_MAX) return;
    for (const oldest of this.#kept.keys()) {
      this.#kept.delete(oldest);
      return;
    }
  }

  /** Oldest first, at most `limit`. */
  of(topicId: number, sequence: number, limit: number): KeptFailure[] {
    const found: KeptFailure[] = [];
    for (const failure of this.#kept.values()) {
      if (failure.topicId === topicId && failure.sequence === sequence) found.push(failure);
    }
    found.sort((a, b) => a.atMs - b.atMs || a.attempt - b.attempt);
    return found.slice(0, limit);
  }

  drop(isGone: (failure: KeptFailure) => boolean): void {
    for (const [key, failure] of this.#kept) if (isGone(failure)) this.#kept.delete(key);
  }
}

function keyOf(failure: KeptFailure): string {
  const { topicId, sequence, subscriptionId, attempt, atMs, session } = failure;
  return `${topicId} ${sequence} ${subscriptionId ?? ''} ${attempt} ${atMs} ${session}`;
}
