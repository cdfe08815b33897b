/**
 * Keyed ordering: of each key at most one delivery is under way; the others stand behind it in the
 * order they came. A delivery leaves its queue when it is settled, not when it fails. Pure.
 */
import type { Entry } from './cursor-entry.js';

export class KeyQueues {
  /** The first of each queue is the one under way. */
  readonly #queues = new Map<string, Entry[]>();

  /** Whether the entry may go now; else it stands in its key's queue. */
  enter(entry: Entry): boolean {
    const { key } = entry;
    if (key === null || key === undefined) return true;
    const queue = this.#queues.get(key);
    if (queue === undefined) {
      this.#queues.set(key, [entry]);
      return true;
    }
    if (queue[0] === entry) return true;
    if (!queue.includes(entry)) queue.push(entry);
    return false;
  }

  /** The entry is settled. The next of its key, if it was the one under way. */
  leave(entry: Entry): Entry | null {
    const { key } = entry;
    if (key === null || key === undefined) return null;
    const queue = this.#queues.get(key);
    const at = queue?.indexOf(entry) ?? -1;
    if (queue === undefined || at < 0) return null;
    queue.splice(at, 1);
    if (queue.length === 0) this.#queues.delete(key);
    return at === 0 ? (queue[0] ?? null) : null;
  }

  clear(): void {
    this.#queues.clear();
  }
}
