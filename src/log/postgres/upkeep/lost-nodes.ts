/** Rows of nodes that are gone without a word: shown for a while, so that somebody sees who is missing. */
import type { Queryable } from '../session/queryable.js';

/** From the end of the lease. A node that was frozen for longer makes its row anew. */
export const LOST_SHOWN_MINUTES = 10;

const PURGE_SQL = `DELETE FROM conduit.nodes
  WHERE lease_until < clock_timestamp() - interval '${LOST_SHOWN_MINUTES} minutes'`;

/** How many went. */
export async function purgeLostNodes(session: Queryable): Promise<number> {
  const { rowCount } = await session.query(PURGE_SQL);
  return rowCount ?? 0;
}
