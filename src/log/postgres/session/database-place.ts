/**
 * Which of several databases one is, as it says itself: a database is one of them by its place in
 * DATABASE_URL, which is written into it when it is added, and never changes. Keeps no state.
 */
import { LogConfigurationError } from '../../contract/log-configuration-error.js';
import type { SessionPool } from './lent-session.js';
import type { Queryable } from './queryable.js';
import { inTransaction } from './transaction.js';

/**
 * Ids of what is counted in each database by itself begin there at its place times so much: none is given
 * in two of them. Below 2^53 it leaves room for 511 databases, and for 17 million million ids in each.
 */
const IDS_PER_PLACE = 2 ** 44;
export const DATABASES_MAX = 2 ** 53 / IDS_PER_PLACE - 1;

const COUNTED = ['subscriptions', 'dead_letters', 'outbox'] as const;

const IDENTITY_SQL = `SELECT i.cluster, i.place,
    (SELECT max(t.place) FROM conduit.topics t WHERE t.deleted_at IS NULL) AS last_place,
    EXISTS (SELECT FROM conduit.topics) AS has_topics
  FROM conduit.log_identity i`;

/** Whoever joins takes turns. */
const LOCK_SQL = 'SELECT FROM conduit.log_identity FOR UPDATE';

const FIRST_SQL = `UPDATE conduit.log_identity SET cluster = gen_random_uuid(), place = 0`;
const JOIN_SQL = 'UPDATE conduit.log_identity SET cluster = $1, place = $2';

interface Identity {
  cluster: string | null;
  place: number | null;
  /** Of a living topic that the first has elsewhere; null: it has no topics. */
  last_place: number | null;
  has_topics: boolean;
}

/** For a worker. `place` null: it is the only one. Rejects LogConfigurationError where it is another. */
export async function assertPlace(db: Queryable, place: number | null): Promise<void> {
  if (place === null) return;
  const identity = await read(db);
  if (identity.place !== place) throw isAnother(identity, place);
}

/**
 * Before any node uses it, the first of so many. The cluster's name; null: it is the only one. Rejects
 * LogConfigurationError where it is not the first, or topics are in more databases than these.
 */
export async function enterFirst(db: SessionPool, databases: number): Promise<string | null> {
  const identity = await read(db);
  if ((identity.place ?? 0) !== 0) throw isAnother(identity, 0);
  if ((identity.last_place ?? 0) >= databases) {
    const has = `topics are in database ${(identity.last_place ?? 0) + 1}`;
    throw new LogConfigurationError(
      `DATABASE_URL: ${has}, and it names ${databases}; name all of them, in their order`,
    );
  }
  if (databases === 1 || identity.cluster !== null) return identity.cluster;
  return inTransaction(db, async (session) => {
    await session.query(LOCK_SQL);
    if ((await read(session)).cluster === null) await session.query(FIRST_SQL);
    return (await read(session)).cluster;
  });
}

/** Another one; it is added where it is empty. Rejects LogConfigurationError where it cannot be that one. */
export async function joinDatabase(
  db: SessionPool,
  { cluster, place }: { cluster: string; place: number },
): Promise<'added' | 'known'> {
  const known = checked(await read(db), { cluster, place });
  if (known === 'known') return known;
  return inTransaction(db, async (session) => {
    await session.query(LOCK_SQL);
    if (checked(await read(session), { cluster, place }) === 'known') return 'known';
    await session.query(JOIN_SQL, [cluster, place]);
    for (const table of COUNTED) {
      const sequence = `pg_get_serial_sequence('conduit.${table}', 'id')`;
      await session.query(`SELECT setval(${sequence}, $1::bigint, false)`, [place * IDS_PER_PLACE]);
    }
    return 'added';
  });
}

function checked(identity: Identity, as: { cluster: string; place: number }): 'new' | 'known' {
  const { cluster, place } = as;
  if (identity.cluster === null && !identity.has_topics) return 'new';
  const own = `DATABASE_URL: the ${ordinal(place)} URL leads to a database`;
  if (identity.cluster === null) {
    throw new LogConfigurationError(
      `${own} that has topics of its own; only an empty one can be added`,
    );
  }
  if (identity.place !== place && identity.cluster === cluster) throw isAnother(identity, place);
  if (identity.cluster === cluster) return 'known';
  throw new LogConfigurationError(`${own} of other nodes, which have another first database`);
}

async function read(db: Queryable): Promise<Identity> {
  const { rows } = await db.query<Identity>(IDENTITY_SQL);
  if (rows[0] === undefined) throw new LogConfigurationError('conduit.log_identity has no row');
  return rows[0];
}

function isAnother({ place }: Identity, asked: number): LogConfigurationError {
  const is = place === null ? 'none of several' : `the ${ordinal(place)} of several`;
  return new LogConfigurationError(
    `DATABASE_URL: the ${ordinal(asked)} URL leads to a database that is ${is}; ` +
      'name all of them, in the order in which they were added',
  );
}

/** Of a place counted from 0. */
export function ordinal(place: number): string {
  const n = place + 1;
  const tens = n % 100;
  const end = tens > 10 && tens < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th');
  return `${n}${end}`;
}
