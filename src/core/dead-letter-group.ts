/** Dead letters that were given up alike: of one topic and subscription, for the same reason and error. */
import type { DeadLetterReason, DeadLetterRecord } from './dead-letter-record.js';

/** So many are looked at, the oldest first: whoever has more sees what the most of those are. */
export const GROUPED_MAX = 10_000;
/** The largest are shown. */
export const GROUPS_MAX = 100;
/** Of the error's text, in characters: ids and times at its end would else make a group of each. */
export const GROUP_ERROR_CHARS = 200;

export interface DeadLetterGroup {
  topic: string;
  /** Null: of ephemeral ones. */
  subscription: string | null;
  reason: DeadLetterReason;
  /** Its beginning; null: nothing was said. */
  error: string | null;
  count: number;
  firstFailedAtMs: number;
  lastFailedAtMs: number;
}

type Grouped = Omit<DeadLetterGroup, 'error' | 'count'> & Pick<DeadLetterRecord, 'lastError'>;

/** Of each one by one. */
export function groupsOf(letters: Iterable<Grouped>): DeadLetterGroup[] {
  return mergedGroups(
    [...letters].map(({ topic, subscription, reason, lastError, ...times }) => {
      // By characters, not by halves of them, as PostgreSQL's left() does.
      const error = lastError === null ? null : [...lastError].slice(0, GROUP_ERROR_CHARS).join('');
      const { firstFailedAtMs, lastFailedAtMs } = times;
      return { topic, subscription, reason, error, count: 1, firstFailedAtMs, lastFailedAtMs };
    }),
  );
}

/** The largest first, at most GROUPS_MAX; those that are alike become one. */
export function mergedGroups(all: readonly DeadLetterGroup[]): DeadLetterGroup[] {
  const byName = new Map<string, DeadLetterGroup>();
  for (const group of all) {
    const { topic, subscription, reason, error } = group;
    const name = JSON.stringify([topic, subscription, reason, error]);
    const known = byName.get(name);
    if (known === undefined) {
      byName.set(name, { ...group });
      continue;
    }
    known.count += group.count;
    known.firstFailedAtMs = Math.min(known.firstFailedAtMs, group.firstFailedAtMs);
    known.lastFailedAtMs = Math.max(known.lastFailedAtMs, group.lastFailedAtMs);
  }
  return [...byName.values()].sort((a, b) => b.count - a.count).slice(0, GROUPS_MAX);
}
