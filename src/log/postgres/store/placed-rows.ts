/**
 * Rows of topics in one of several databases: what the first says of those that are elsewhere, and what the
 * others make of it. Keeps no state.
 */
import type { PlacedTopic, PlacedTopics } from '../../contract/placed-topics.js';
import type { UnsettledMoves, Whereabouts } from '../../contract/topic-mover.js';
import type { SessionPool } from '../session/lent-session.js';
import type { Queryable } from '../session/queryable.js';
import { inTransaction } from '../session/transaction.js';

const READ_SQL = `SELECT t.id, t.name, t.tenant_id, n.name AS tenant,
    t.retention_hours, t.retention_messages, t.retention_bytes
  FROM conduit.topics t JOIN conduit.tenants n ON n.id = t.tenant_id WHERE t.id = $1`;

const PLACES_SQL = `SELECT id, place FROM conduit.topics
  WHERE id = ANY($1::bigint[]) AND deleted_at IS NULL`;

/**
 * Of a tenant that was deleted in the first database; this one was not asked then, since it had no topic
 * here.
 */
const BURY_SQL = `UPDATE conduit.tenants SET name = '~' || id, deleted_at = clock_timestamp()
  WHERE name = $2 AND id <> $1`;

const TENANT_SQL = `INSERT INTO conduit.tenants (id, name) VALUES ($1, $2)
  ON CONFLICT (id) DO NOTHING`;

/** Made by a node that ended before the first database knew of it. */
const GHOSTS_SQL = `UPDATE conduit.topics SET deleted_at = clock_timestamp()
  WHERE tenant_id = $1 AND name = $2 AND deleted_at IS NULL`;

const ADOPT_SQL = `INSERT INTO conduit.topics
    (id, tenant_id, name, retention_hours, retention_messages, retention_bytes)
  VALUES ($1, $2, $3, $4, $5, $6)`;

const GONE_SQL = `SELECT id, arriving_from,
    CASE WHEN place <> 0 THEN place ELSE moved_to END AS moved_to
  FROM conduit.topics WHERE id = ANY($1::bigint[])
    AND (place <> 0 OR moved_to IS NOT NULL OR arriving_from IS NOT NULL)`;

const UNSETTLED_SQL = `SELECT t.id, t.arriving_from, t.moved_to FROM conduit.topics t
  WHERE (t.arriving_from IS NOT NULL OR t.moved_to IS NOT NULL) AND (t.arriving_from IS NOT NULL
    OR EXISTS (SELECT FROM conduit.outbox o WHERE o.topic_id = t.id))`;

const REMOVE_SQL = `UPDATE conduit.topics SET deleted_at = clock_timestamp()
  WHERE id = $1 AND deleted_at IS NULL`;

interface PlacedRow {
  id: string;
  name: string;
  tenant_id: string;
  tenant: string;
  retention_hours: number | null;
  retention_messages: string | null;
  retention_bytes: string | null;
}

interface GoneRow {
  id: string;
  moved_to: number | null;
  arriving_from: number | null;
}

/** As the first database has it. */
export interface KnownTenant {
  id: number;
  name: string;
}

/** Null: there is none of that name. */
export async function findTenant(db: Queryable, name: string): Promise<KnownTenant | null> {
  const { rows } = await db.query<{ id: string }>(
    'SELECT id FROM conduit.tenants WHERE name = $1 AND deleted_at IS NULL',
    [name],
  );
  return rows[0] === undefined ? null : { id: Number(rows[0].id), name };
}

/** In another database under the same id, in whatever transaction `db` is. */
export async function keepTenant(db: Queryable, { id, name }: KnownTenant): Promise<void> {
  await db.query(BURY_SQL, [id, name]);
  await db.query(TENANT_SQL, [id, name]);
}

/** Of one that is there, in the transaction of `db`. */
export async function readPlaced(db: Queryable, topicId: number): Promise<PlacedTopic> {
  const { rows } = await db.query<PlacedRow>(READ_SQL, [topicId]);
  const [row] = rows;
  if (row === undefined) throw new Error('a topic that was just made is not there');
  const numberOf = (text: string | null): number | null => (text === null ? null : Number(text));
  return {
    id: Number(row.id),
    name: row.name,
    tenantId: Number(row.tenant_id),
    tenant: row.tenant,
    retention: {
      hours: row.retention_hours,
      messages: numberOf(row.retention_messages),
      bytes: numberOf(row.retention_bytes),
    },
  };
}

/** What PlacedTopics has beside `createElsewhere`, on the sessions of one database. */
export class PlacedRows implements Omit<PlacedTopics, 'createElsewhere'> {
  readonly #db: SessionPool;

  constructor(db: SessionPool) {
    this.#db = db;
  }

  async adopt({ id, name, tenantId, tenant, retention }: PlacedTopic): Promise<void> {
    const { hours, messages, bytes } = retention;
    await inTransaction(this.#db, async (session) => {
      await keepTenant(session, { id: tenantId, name: tenant });
      await session.query(GHOSTS_SQL, [tenantId, name]);
      await session.query(ADOPT_SQL, [id, tenantId, name, hours, messages, bytes]);
    });
  }

  async placesOf(topicIds: readonly number[]): Promise<Map<number, number>> {
    const { rows } = await this.#db.query<{ id: string; place: number }>(PLACES_SQL, [topicIds]);
    return new Map(rows.map(({ id, place }) => [Number(id), place]));
  }

  async unsettled(): Promise<UnsettledMoves> {
    const { rows } = await this.#db.query<GoneRow>(UNSETTLED_SQL);
    const arriving = rows.flatMap(({ id, arriving_from: from }) =>
      from === null ? [] : [{ topicId: Number(id), from }],
    );
    const late = rows.flatMap(({ id, arriving_from: from, moved_to: to }) =>
      from !== null || to === null ? [] : [{ topicId: Number(id), to }],
    );
    return { arriving, late };
  }

  async gone(topicIds: readonly number[]): Promise<Map<number, Whereabouts>> {
    const { rows } = await this.#db.query<GoneRow>(GONE_SQL, [topicIds]);
    return new Map(
      rows.map(({ id, moved_to: movedTo, arriving_from: arrivingFrom }) => [
        Number(id),
        { movedTo, arrivingFrom },
      ]),
    );
  }

  async remove(topicId: number): Promise<void> {
    await this.#db.query(REMOVE_SQL, [topicId]);
  }
}
