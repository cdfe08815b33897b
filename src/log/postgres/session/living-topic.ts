/** Which rows of conduit.topics mean a topic that is in this database. */

/** One that can be asked for here: neither deleted, nor in another of several databases. */
export function livingHere(alias?: string): string {
  const of = alias === undefined ? '' : `${alias}.`;
  return `${of}deleted_at IS NULL AND ${of}place = 0`;
}

/**
 * One whose rows are no orphans: it lives, here or, in the first database, elsewhere; it is arriving; or it
 * has moved, and what is left of it is brought after it.
 */
export function neededHere(alias: string): string {
  const marks = `${alias}.arriving_from IS NOT NULL OR ${alias}.moved_to IS NOT NULL`;
  return `(${alias}.deleted_at IS NULL OR ${marks})`;
}
