/**
 * Creations that are counted against a limit. Far below it they go side by side; near it one after
 * another, each with a snapshot taken after the one before was committed, so that the limit is exact
 * however many nodes create at the same moment.
 */

/** More than can be under way at the same moment, all nodes' connections together. */
export const IN_TURN_BELOW = 1_000;

/** First key of the advisory lock; the second is of the topic or tenant. Held until the transaction ends. */
const DURABLES_CLASS = 0x0b0d;
const TOPICS_CLASS = 0x0b0e;

/** $1: the topic's id. */
export const DURABLES_TURN_SQL = `SELECT pg_advisory_xact_lock(${DURABLES_CLASS},
  ($1::bigint % 2147483647)::int)`;

/** $1: the tenant's name. */
export const TOPICS_TURN_SQL = `SELECT pg_advisory_xact_lock(${TOPICS_CLASS},
  (n.id % 2147483647)::int) FROM conduit.tenants n WHERE n.name = $1`;
