/**
 * What waits to be appended, in PostgreSQL: rows of conduit.outbox, as users of the API see them.
 * Keeps no state. outbox-release.ts moves them into the log.
 */
import { RequestError } from '../core/errors.js';
import type { DeferRequest, DeferredRecord } from './message-log.js';
import type { Queryable } from './queryable.js';

/** NOTIFY channel of conduit.publish: the payload is the id of a topic with something due. */
export const OUTBOX_CHANNEL = 'conduit_outbox';

const COLUMNS = `o.id, t.name AS topic, octet_length(o.payload) AS bytes,
  floor(extract(epoch FROM o.due_at) * 1000) AS due_ms,
  floor(extract(epoch FROM o.created_at) * 1000) AS created_ms`;

interface OutboxRow {
  id: string;
  topic: string;
  bytes: number;
  due_ms: string;
  created_ms: string;
}

export class OutboxStore {
  readonly #db: Queryable;

  constructor(db: Queryable) {
    this.#db = db;
  }

  /** Times are the database's. Rejects `topic_not_found`. Takes no lock on the topic. */
  async defer(request: DeferRequest): Promise<DeferredRecord> {
    const { publication, tenant, topicId } = request;
    const { rows } = await this.#db.query<OutboxRow>(
      `WITH t AS (
         SELECT t.id, t.tenant_id, t.name FROM conduit.topics t
         JOIN conduit.tenants n ON n.id = t.tenant_id
         WHERE t.id = $1 AND n.name = $2 AND t.deleted_at IS NULL),
       o AS (
         INSERT INTO conduit.outbox (tenant_id, topic_id, payload, content_type, key, headers,
           dedupe_key, ttl_ms, due_at)
         SELECT t.tenant_id, t.id, $3, $4, $5, $6, $7, $8, CASE WHEN $10::float8 > 0
           THEN greatest(to_timestamp($10::float8 / 1000), clock_timestamp())
           ELSE clock_timestamp() + $9::float8 * interval '1 ms' END
         FROM t RETURNING *)
       SELECT ${COLUMNS} FROM o JOIN t ON t.id = o.topic_id`,
      [
        topicId,
        tenant,
        publication.payload,
        publication.contentType,
        publication.key,
        publication.headers,
        publication.dedupeKey,
        publication.ttlMs,
        request.delayMs,
        request.deliverAtMs,
      ],
    );
    const row = rows[0];
    if (row === undefined) throw new RequestError('topic_not_found', 'topic not found');
    return recordOf(row);
  }

  /** In id order, ids > `after`. */
  async list(
    tenant: string,
    page: { topic: string | null; after: number; limit: number },
  ): Promise<DeferredRecord[]> {
    const { rows } = await this.#db.query<OutboxRow>(
      `SELECT ${COLUMNS} FROM conduit.outbox o JOIN conduit.topics t ON t.id = o.topic_id
       WHERE o.tenant_id = (SELECT id FROM conduit.tenants WHERE name = $1)
         AND ($2::text IS NULL OR t.name = $2) AND o.id > $3 AND t.deleted_at IS NULL
       ORDER BY o.id LIMIT $4`,
      [tenant, page.topic, page.after, page.limit],
    );
    return rows.map(recordOf);
  }

  /** Waits for a release of this row that is under way, and then answers `released`. */
  async cancel(tenant: string, id: number): Promise<'cancelled' | 'released' | 'unknown'> {
    if (!Number.isSafeInteger(id)) return 'unknown';
    const ofTenant = 'tenant_id = (SELECT id FROM conduit.tenants WHERE name = $1)';
    const gone = await this.#db.query(
      `DELETE FROM conduit.outbox WHERE id = $2 AND ${ofTenant} RETURNING id`,
      [tenant, id],
    );
    if (gone.rows.length > 0) return 'cancelled';
    const { rows } = await this.#db.query(
      `SELECT 1 AS yes FROM conduit.outbox_releases WHERE $2::bigint = ANY(ids) AND ${ofTenant}
       LIMIT 1`,
      [tenant, id],
    );
    return rows.length > 0 ? 'released' : 'unknown';
  }
}

function recordOf(row: OutboxRow): DeferredRecord {
  return {
    id: Number(row.id),
    topic: row.topic,
    deliverAtMs: Number(row.due_ms),
    createdAtMs: Number(row.created_ms),
    bytes: row.bytes,
  };
}
