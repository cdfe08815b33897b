/**
 * What waits to be appended, in PostgreSQL: rows of conduit.outbox, as users of the API see them.
 * Keeps no state. outbox-release.ts moves them into the log.
 */

import type { DeferredRecord } from '../../../core/deferred-record.js';
import { RequestError } from '../../../core/errors.js';
import { type Tenant, tenantOf, topicNameWithin, type Within } from '../../../core/topic-key.js';
import { faultOf } from '../../contract/log-errors.js';
import type { DeferOutcome, DeferRequest, FirstResult } from '../../contract/message-log.js';
import { MISMATCH } from '../../contract/same-message.js';
import { livingHere } from '../session/living-topic.js';
import type { Queryable } from '../session/queryable.js';
import { areRepeats, type FirstRow, keptFirst } from './first-results.js';
import { storable } from './subscription-rows.js';

/** NOTIFY channel of conduit.publish: the payload is the id of a topic with something due. */
export const OUTBOX_CHANNEL = 'conduit_outbox';

/** More than is kept: older ones are dead, and stay where they are while a snapshot is held. */
const OF_LATELY = "released_at > (SELECT clock_timestamp() - interval '10 min')";

const COLUMNS = `o.id, t.name AS topic, octet_length(o.payload) AS bytes,
  floor(extract(epoch FROM o.due_at) * 1000) AS due_ms,
  floor(extract(epoch FROM o.created_at) * 1000) AS created_ms`;

/** $9: delay in ms; $10: Unix ms, or 0. */
const DUE = `CASE WHEN $10::float8 > 0
  THEN greatest(to_timestamp($10::float8 / 1000), clock_timestamp())
  ELSE clock_timestamp() + $9::float8 * interval '1 ms' END`;

const LIVING = `SELECT t.id, t.tenant_id, t.name FROM conduit.topics t
  JOIN conduit.tenants n ON n.id = t.tenant_id
  WHERE t.id = $1 AND n.name = $2 AND ${livingHere('t')}`;

const DEFER_SQL = `WITH t AS (${LIVING}),
  o AS (
    INSERT INTO conduit.outbox (tenant_id, topic_id, payload, content_type, key, headers,
      dedupe_key, ttl_ms, due_at)
    SELECT t.tenant_id, t.id, $3, $4, $5, $6, $7, $8, ${DUE} FROM t RETURNING *)
  SELECT ${COLUMNS} FROM o JOIN t ON t.id = o.topic_id`;

/** With a dedupe key: what the first one under it became, if this is not it. */
const DEFER_ONCE_SQL = `SELECT d.state, d.id, t.name AS topic, octet_length($3::bytea) AS bytes,
    floor(extract(epoch FROM d.due_at) * 1000) AS due_ms,
    floor(extract(epoch FROM d.created_at) * 1000) AS created_ms,
    d.fingerprint, coalesce(d.sequence, 0) AS sequence, d.message_id, d.id AS deferred_id,
    floor(extract(epoch FROM d.due_at) * 1000) AS deliver_ms,
    coalesce(floor(extract(epoch FROM d.published_at) * 1000), 0) AS published_ms
  FROM (${LIVING}) t CROSS JOIN LATERAL conduit.defer(t.tenant_id, t.id, $3::bytea, $4::smallint,
    $5::text, $6::text, $7::text, $8::bigint, ${DUE}, 'the topic') d`;

interface OutboxRow {
  id: string;
  topic: string;
  bytes: number;
  due_ms: string;
  created_ms: string;
}

interface DeferralRow extends OutboxRow, FirstRow {
  state: 'new' | 'waiting' | 'stored';
}

export class OutboxStore {
  readonly #db: Queryable;

  constructor(db: Queryable) {
    this.#db = db;
  }

  /**
   * Times are the database's. Rejects `topic_not_found`. Takes no lock on the topic but for a moment,
   * when there is a dedupe key: an append looks at keys behind the same lock.
   */
  async defer(request: DeferRequest): Promise<DeferOutcome> {
    if (request.publication.dedupeKey !== null) return this.#deferOnce(request);
    const { rows } = await this.#db.query<OutboxRow>(DEFER_SQL, valuesOf(request));
    const row = rows[0];
    if (row === undefined) throw topicGone();
    return { record: recordOf(row), first: null };
  }

  async #deferOnce(request: DeferRequest): Promise<DeferOutcome> {
    for (let turn = 1; ; turn++) {
      const row = await this.#take(request);
      if (row.state === 'new') return { record: recordOf(row), first: null };
      const first = await this.#compared(request, row);
      if (first !== null) return { record: null, first };
      // Released between two looks: once more, where it is now.
      if (turn > 1 || row.state !== 'waiting') throw mismatch();
    }
  }

  async #take(request: DeferRequest): Promise<DeferralRow> {
    try {
      const { rows } = await this.#db.query<DeferralRow>(DEFER_ONCE_SQL, valuesOf(request));
      if (rows[0] !== undefined) return rows[0];
    } catch (error) {
      if (faultOf(error) !== 'locked') throw error;
      const detail = 'another transaction has the topic, or the dedupe key; publish again';
      throw new RequestError('topic_busy', detail, { cause: error });
    }
    throw topicGone();
  }

  /** The first result when the request repeats it; null: there is nothing to compare it with. */
  async #compared(
    { publication, topicId }: DeferRequest,
    row: DeferralRow,
  ): Promise<FirstResult | null> {
    const kept = keptFirst(topicId, row);
    const [isRepeat] = await areRepeats(this.#db, [{ publication, kept }]);
    if (isRepeat === false) throw mismatch();
    return isRepeat === true ? kept.first : null;
  }

  /** In id order, ids > `after`. */
  async list(within: Within, page: { after: number; limit: number }): Promise<DeferredRecord[]> {
    const { rows } = await this.#db.query<OutboxRow>(
      `SELECT ${COLUMNS} FROM conduit.outbox o JOIN conduit.topics t ON t.id = o.topic_id
       WHERE o.tenant_id = (SELECT id FROM conduit.tenants WHERE name = $1)
         AND ($2::text IS NULL OR t.name = $2) AND o.id > $3 AND ${livingHere('t')}
       ORDER BY o.id LIMIT $4`,
      [tenantOf(within), storable(topicNameWithin(within)), page.after, page.limit],
    );
    return rows.map(recordOf);
  }

  /** Waits for a release of this row that is under way, and then answers `released`. */
  async cancel(tenant: Tenant, id: number): Promise<'cancelled' | 'released' | 'unknown'> {
    if (!Number.isSafeInteger(id)) return 'unknown';
    const ofTenant = 'tenant_id = (SELECT id FROM conduit.tenants WHERE name = $1)';
    const gone = await this.#db.query(
      `DELETE FROM conduit.outbox WHERE id = $2 AND ${ofTenant} RETURNING id`,
      [tenant, id],
    );
    if (gone.rows.length > 0) return 'cancelled';
    const { rows } = await this.#db.query(
      `SELECT 1 AS yes FROM conduit.outbox_releases WHERE $2::bigint = ANY(ids) AND ${ofTenant}
         AND ${OF_LATELY} LIMIT 1`,
      [tenant, id],
    );
    return rows.length > 0 ? 'released' : 'unknown';
  }
}

function valuesOf({ publication, topicId, tenant, delayMs, deliverAtMs }: DeferRequest): unknown[] {
  const { payload, contentType, key, headers, dedupeKey, ttlMs } = publication;
  return [
    ...[topicId, tenant, payload, contentType, key, headers, dedupeKey, ttlMs],
    ...[delayMs, deliverAtMs],
  ];
}

function topicGone(): RequestError {
  return new RequestError('topic_not_found', 'topic not found');
}

function mismatch(): RequestError {
  return new RequestError('dedupe_mismatch', MISMATCH, 'dedupe_key');
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
