/**
 * Keyed ordering: of each key at most one delivery is under way; the others stand behind it in the
 * order they came. A delivery leaves its queue when it is settled, not when it fails. Pure.
 */
import type { Entry } from './cursor-entry.js';

export class KeyQueues {
  /** The first of each queue is the one under way. */
  readonly #queues = new Map<string, Set<Entry>>();
  #size = 0;

  /** How many stand behind another of their key. */
  get parked(): number {
    return this.#size - this.#queues.size;
  }

  /** Whether the entry may go now; else it stands in its key's queue. */
  enter(entry: Entry): boolean {
    const { key } = entry;
    if (key === null || key === undefined) return true;
    const queue = this.#queues.get(key);
    if (queue === undefined) {
      this.#queues.set(key, new Set([entry]));
      this.#size++;
      return true;
    }
    if (firstOf(queue) === entry) return true;
    if (!queue.has(entry)) this.#size++;
    queue.add(entry);
    return false;
  }

  /** The entry is settled. The next of its key, if it was the one under way. */
  leave(entry: Entry): Entry | null {
    const { key } = entry;
    if (key === null || key === undefined) return null;
    const queue = this.#queues.get(key);
    if (queue === undefined) return null;
    const isFirst = firstOf(queue) === entry;
    if (!queue.delete(entry)) return null;
    this.#size--;
    if (queue.size === 0) this.#queues.delete(key);
    return isFirst ? firstOf(queue) : null;
  }

  clear(): void {
    this.#queues.clear();
    this.#size = 0;
  }
}

function firstOf(queue: ReadonlySet<Entry>): Entry | null {
  for (const entry of queue) return entry;
  return null;
}
