/** Answers of several databases as one: what is asked of all of them, and pages in one order. Pure. */

/** Of all; rejects as the first that does. */
export async function ofAll<P, T>(
  parts: readonly P[],
  ask: (part: P, place: number) => Promise<T>,
): Promise<T[]> {
  return Promise.all(parts.map(ask));
}

/** The first that is found; null: nobody has it. Rejects where some could not say, and no other has it. */
export async function firstOf<P, T>(
  parts: readonly P[],
  ask: (part: P, place: number) => Promise<T | null>,
): Promise<T | null> {
  const answers = await Promise.allSettled(parts.map(ask));
  let trouble: { reason: unknown } | null = null;
  for (const answer of answers) {
    if (answer.status === 'rejected') trouble ??= { reason: answer.reason };
    else if (answer.value !== null) return answer.value;
  }
  if (trouble !== null) throw trouble.reason;
  return null;
}

/** What each of them asks of one place together, by that place. */
export function byPlace<T>(all: readonly T[], placeOf: (one: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const one of all) {
    const place = placeOf(one);
    const group = groups.get(place);
    if (group === undefined) groups.set(place, [one]);
    else group.push(one);
  }
  return groups;
}

export interface Merge<T> {
  compare: (a: T, b: T) => number;
  limit: number;
  /** Whether a page ends before its database has no more. */
  isCut: (page: readonly T[]) => boolean;
}

/**
 * Pages, each in order, as one: nothing behind the end of a page that was cut, whose database may have more
 * that stands before it.
 */
export function merged<T>(pages: readonly (readonly T[])[], merge: Merge<T>): T[] {
  const { compare, limit, isCut } = merge;
  const ends = pages.flatMap((page) => (isCut(page) ? page.slice(-1) : []));
  const [end] = ends.sort(compare);
  const all = pages.flat().sort(compare);
  const within = end === undefined ? all : all.filter((one) => compare(one, end) <= 0);
  return within.slice(0, limit);
}
