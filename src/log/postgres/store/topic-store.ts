/**
 * Topics in PostgreSQL: rows of conduit.topics, and the heads that conduit.topic_heads reads beside them.
 * Keeps no state. Changes made here do not touch what append and upkeep own (base_*, leaf_day,
 * first_sequence, gone_bytes). A deleted topic is a tombstone; its name is free at once, its id never.
 */

import { RequestError } from '../../../core/errors.js';
import type { Limits } from '../../../core/limits.js';
import {
  asTenant,
  type Tenant,
  type TopicKey,
  tenantOf,
  topicKey,
  topicNameOf,
} from '../../../core/topic-key.js';
import { isName } from '../../../core/topic-name.js';
import type { Retention, TopicRecord } from '../../../core/topic-record.js';
import {
  type FoundTopics,
  type KnownHead,
  topicLimit,
  topicQuota,
} from '../../contract/message-log.js';
import type { ElsewhereTopic, PlacedTopic } from '../../contract/placed-topics.js';
import type { SessionPool } from '../session/lent-session.js';
import { livingHere } from '../session/living-topic.js';
import type { Queryable } from '../session/queryable.js';
import { inTransaction } from '../session/transaction.js';
import { IN_TURN_BELOW, TOPICS_TURN_SQL } from './creation-turn.js';
import { readPlaced } from './placed-rows.js';

/** NOTIFY channel: the payload is the id of a topic that was deleted. */
export const TOPICS_CHANNEL = 'conduit_topics';

/**
 * A topic deleted and made again in between makes another turn; more often than this is no chance.
 */
const CREATE_TURNS = 5;

/** Heads are of the statement's snapshot: of a topic that it makes itself none is found. */
const COLUMNS = `t.id, t.tenant, t.name, coalesce(h.sequence, 0) AS last_sequence, t.first_sequence,
  coalesce(h.bytes, 0) AS bytes, floor(extract(epoch FROM t.created_at) * 1000) AS created_ms,
  floor(extract(epoch FROM h.published_at) * 1000) AS last_published_ms,
  t.retention_hours, t.retention_messages, t.retention_bytes, t.place`;

/** `topics`: a statement that gives rows of conduit.topics and the names of their tenants. */
function withHeads(topics: string): string {
  return `WITH t AS (${topics}) SELECT ${COLUMNS}
    FROM t LEFT JOIN conduit.topic_heads(ARRAY(SELECT id FROM t)) h ON h.topic_id = t.id`;
}

const LIVING_SQL = `SELECT t.*, n.name AS tenant
  FROM conduit.topics t JOIN conduit.tenants n ON n.id = t.tenant_id WHERE t.deleted_at IS NULL`;

/** `valuesOf` gives both. */
const OF_KEY = 'n.name = $1 AND t.name = $2';

/**
 * LIMIT keeps it a look-up of each key by both columns of the index: in a table that was never analysed a
 * join takes all topics of the tenant for each (5 s for a hundred keys of 50,000 topics, and this 4 ms).
 */
const FIND_ALL_SQL = withHeads(`SELECT t.*, n.name AS tenant
  FROM unnest($1::text[], $2::text[]) AS k (tenant, name)
  JOIN conduit.tenants n ON n.name = k.tenant
  CROSS JOIN LATERAL (
    SELECT * FROM conduit.topics t
    WHERE t.tenant_id = n.id AND t.name = k.name AND t.deleted_at IS NULL LIMIT 1) t`);

const LIVING_OF_TENANT = `SELECT count(*) FROM conduit.topics x
  WHERE x.tenant_id = n.id AND x.deleted_at IS NULL`;

const INSERT_SQL = withHeads(`INSERT INTO conduit.topics AS t
    (tenant_id, name, retention_hours, retention_messages, retention_bytes, place)
  SELECT n.id, $2, $3, $4, $5, $8 FROM conduit.tenants n
  WHERE n.name = $1
    AND (${LIVING_OF_TENANT}) < least($6, coalesce((n.quotas ->> 'topics')::bigint, $6)) - $7
  ON CONFLICT (tenant_id, name) WHERE deleted_at IS NULL DO NOTHING
  RETURNING t.*, $1 AS tenant`);

const FIND_SQL = withHeads(`${LIVING_SQL} AND ${OF_KEY}`);

/** Names are ASCII below DEL, so the prefix is exactly the range up to prefix + DEL. */
const LIST_SQL = `${withHeads(`${LIVING_SQL} AND n.name = $1
    AND t.name > $2 AND t.name >= $3 AND t.name < $3 || chr(127) ORDER BY t.name LIMIT $4`)}
  ORDER BY t.name`;

const PATCH_SQL = withHeads(`UPDATE conduit.topics t
  SET retention_hours = $3, retention_messages = $4, retention_bytes = $5
  FROM conduit.tenants n
  WHERE n.id = t.tenant_id AND ${livingHere('t')} AND ${OF_KEY} RETURNING t.*, n.name AS tenant`);

const DELETE_SQL = withHeads(`UPDATE conduit.topics t SET deleted_at = clock_timestamp()
  FROM conduit.tenants n
  WHERE n.id = t.tenant_id AND ${livingHere('t')} AND ${OF_KEY}
  RETURNING t.*, n.name AS tenant, pg_notify('${TOPICS_CHANNEL}', t.id::text)`);

const HEADS_SQL = withHeads(`${LIVING_SQL} AND t.id = ANY($1::bigint[])`);

/** Each as it is known; ids alone come back, of few. */
const MOVED_HEADS_SQL = `SELECT k.id FROM unnest($1::bigint[], $2::bigint[]) AS k (id, head)
  LEFT JOIN conduit.topics t ON t.id = k.id AND ${livingHere('t')}
  LEFT JOIN conduit.topic_heads($1::bigint[]) h ON h.topic_id = k.id
  WHERE t.id IS NULL OR h.sequence > k.head`;

interface NewTopic {
  key: TopicKey;
  retention: Retention | null;
  /** Absent: here. */
  place?: number;
}

/** What `withHeads` selects; bigints and numerics come as text. */
interface TopicRow {
  id: string;
  tenant: string;
  name: string;
  last_sequence: string;
  first_sequence: string;
  bytes: string;
  created_ms: string;
  last_published_ms: string | null;
  retention_hours: number | null;
  retention_messages: string | null;
  retention_bytes: string | null;
  /** 0: here. */
  place: number;
}

export interface TopicStoreOptions {
  db: SessionPool;
  /** Topics that are in other databases: by default whoever asks for one is refused. */
  elsewhere?: 'refused' | 'told';
  limits: Pick<Limits, 'topicsPerTenantMax' | 'topicNameBytesMax'>;
}

export class TopicStore {
  readonly #db: SessionPool;
  readonly #limits: TopicStoreOptions['limits'];
  readonly #elsewhere: 'refused' | 'told';

  constructor(options: TopicStoreOptions) {
    this.#db = options.db;
    this.#limits = options.limits;
    this.#elsewhere = options.elsewhere ?? 'refused';
  }

  async find(key: TopicKey): Promise<TopicRecord | null> {
    if (!this.#isPossible(key)) return null;
    const found = oneRecord((await this.#db.query<TopicRow>(FIND_SQL, valuesOf(key))).rows);
    const refusal = found === null ? null : this.#refusal(found);
    if (refusal !== null) throw refusal;
    return found;
  }

  async findAll(keys: readonly TopicKey[]): Promise<FoundTopics> {
    const possible = keys.filter((key) => this.#isPossible(key));
    if (possible.length === 0) return new Map();
    const { rows } = await this.#db.query<TopicRow>(FIND_ALL_SQL, [
      possible.map(tenantOf),
      possible.map(topicNameOf),
    ]);
    const records = rows.map(recordOf);
    return new Map(records.map((record) => [record.key, this.#refusal(record) ?? record]));
  }

  /** Null: it is here, or whoever asks looks for it where it is. */
  #refusal({ place = 0 }: TopicRecord): RequestError | null {
    if (place === 0 || this.#elsewhere === 'told') return null;
    const where = `database ${place + 1} of DATABASE_URL, which this node does not name`;
    return new RequestError('log_unavailable', `the topic is in ${where}`);
  }

  /** PostgreSQL refuses some texts; none of them is a name. */
  #isPossible(key: TopicKey): boolean {
    return isName(topicNameOf(key), this.#limits.topicNameBytesMax);
  }

  /**
   * Of many at once for one name exactly one is told `created`. Rejects `topic_limit`, `quota_exceeded`, and
   * `not_found` for a tenant that does not exist.
   */
  async create(
    key: TopicKey,
    retention: Retention | null,
  ): Promise<{ topic: TopicRecord; created: boolean }> {
    for (let turn = 0; turn < CREATE_TURNS; turn++) {
      const found = await this.find(key);
      if (found !== null) return { topic: found, created: false };
      const topic = await this.#insert({ key, retention });
      if (topic !== null) return { topic, created: true };
      await this.#checkRoom(tenantOf(key));
    }
    throw new RequestError('topic_busy', `${topicNameOf(key)} is made and deleted again and again`);
  }

  /** In byte order of the names. `after` and `prefix` may be any text. */
  async list(
    tenant: Tenant,
    page: { after: string; prefix: string; limit: number },
  ): Promise<TopicRecord[]> {
    const { after, prefix } = page;
    if (prefix.includes('\0')) return [];
    const { rows } = await this.#db.query<TopicRow>(LIST_SQL, [
      tenant,
      after.split('\0', 1)[0],
      prefix,
      page.limit,
    ]);
    return rows.map(recordOf);
  }

  /** Replaces all three bounds. Null: no such topic. */
  async patch(key: TopicKey, retention: Retention): Promise<TopicRecord | null> {
    const values = [...valuesOf(key), retention.hours, retention.messages, retention.bytes];
    return oneRecord((await this.#db.query<TopicRow>(PATCH_SQL, values)).rows);
  }

  /** Leaves a tombstone and tells the other nodes. The record as it was; null: no such topic. */
  async delete(key: TopicKey): Promise<TopicRecord | null> {
    return oneRecord((await this.#db.query<TopicRow>(DELETE_SQL, valuesOf(key))).rows);
  }

  async heads(topicIds: readonly number[]): Promise<Map<number, TopicRecord>> {
    return readHeads(this.#db, topicIds);
  }

  async movedHeads(known: readonly KnownHead[]): Promise<readonly number[]> {
    const { rows } = await this.#db.query<{ id: string }>(MOVED_HEADS_SQL, [
      `{${known.map(({ id }) => id).join()}}`,
      `{${known.map(({ head }) => head).join()}}`,
    ]);
    return rows.map(({ id }) => Number(id));
  }

  /**
   * The same for a topic that is to be in another database: `adopt` makes it there before anybody can see it
   * here, and where it rejects there is none.
   */
  async createElsewhere(
    topic: ElsewhereTopic,
    adopt: (placed: PlacedTopic) => Promise<void>,
  ): Promise<{ topic: TopicRecord; created: boolean }> {
    const max = this.#limits.topicsPerTenantMax;
    for (let turn = 0; turn < CREATE_TURNS; turn++) {
      const found = await this.find(topic.key);
      if (found !== null) return { topic: found, created: false };
      const made = await inTransaction(this.#db, async (session) => {
        const record = await insertInTurn(session, topic, max);
        if (record !== null) await adopt(await readPlaced(session, record.id));
        return record;
      });
      if (made !== null) return { topic: made, created: true };
      await this.#checkRoom(tenantOf(topic.key));
    }
    throw new RequestError(
      'topic_busy',
      `${topicNameOf(topic.key)} is made and deleted all the time`,
    );
  }

  /** Null: the name is taken, or there is no room or no such tenant. */
  async #insert(topic: NewTopic): Promise<TopicRecord | null> {
    const max = this.#limits.topicsPerTenantMax;
    const inserted = await insertBelow(this.#db, topic, { max, left: IN_TURN_BELOW });
    if (inserted !== null) return inserted;
    return inTransaction(this.#db, async (session) => {
      await session.query(TOPICS_TURN_SQL, [tenantOf(topic.key)]);
      return insertBelow(session, topic, { max, left: 0 });
    });
  }

  async #checkRoom(tenant: Tenant): Promise<void> {
    const { rows } = await this.#db.query<{ topics: string; quota: string | null }>(
      `SELECT (${LIVING_OF_TENANT}) AS topics, (n.quotas ->> 'topics')::bigint AS quota
       FROM conduit.tenants n WHERE n.name = $1`,
      [tenant],
    );
    const row = rows[0];
    if (row === undefined) throw new RequestError('not_found', 'no such tenant');
    const max = this.#limits.topicsPerTenantMax;
    const quota = row.quota === null ? max : Number(row.quota);
    if (quota < max && Number(row.topics) >= quota) throw topicQuota(quota);
    if (Number(row.topics) >= max) throw topicLimit(max);
  }
}

/** With so many topics so far that more than `left` of `max`, or of the tenant's quota, are left. */
async function insertBelow(
  db: Queryable,
  { key, retention, place = 0 }: NewTopic,
  { max, left }: { max: number; left: number },
): Promise<TopicRecord | null> {
  const { hours = null, messages = null, bytes = null } = retention ?? {};
  const values = [...valuesOf(key), hours, messages, bytes, max, left, place];
  return oneRecord((await db.query<TopicRow>(INSERT_SQL, values)).rows);
}

/** Far below the limit without waiting for others that make one. */
async function insertInTurn(
  db: Queryable,
  topic: NewTopic,
  max: number,
): Promise<TopicRecord | null> {
  const early = await insertBelow(db, topic, { max, left: IN_TURN_BELOW });
  if (early !== null) return early;
  await db.query(TOPICS_TURN_SQL, [tenantOf(topic.key)]);
  return insertBelow(db, topic, { max, left: 0 });
}

function valuesOf(key: TopicKey): [tenant: string, name: string] {
  return [tenantOf(key), topicNameOf(key)];
}

function oneRecord(rows: readonly TopicRow[]): TopicRecord | null {
  const row = rows[0];
  return row === undefined ? null : recordOf(row);
}

function recordOf(row: TopicRow): TopicRecord {
  return {
    id: Number(row.id),
    key: topicKey(asTenant(row.tenant), row.name),
    lastSequence: Number(row.last_sequence),
    firstSequence: Number(row.first_sequence),
    bytes: Number(row.bytes),
    createdAtMs: Number(row.created_ms),
    lastPublishedAtMs: row.last_published_ms === null ? 0 : Number(row.last_published_ms),
    retention: {
      hours: row.retention_hours,
      messages: row.retention_messages === null ? null : Number(row.retention_messages),
      bytes: row.retention_bytes === null ? null : Number(row.retention_bytes),
    },
    ...(row.place === 0 ? {} : { place: row.place }),
  };
}

/** As the contract of the log has it. */
export async function readHeads(
  db: Queryable,
  topicIds: readonly number[],
): Promise<Map<number, TopicRecord>> {
  const { rows } = await db.query<TopicRow>(HEADS_SQL, [topicIds]);
  return new Map(rows.map((row) => [Number(row.id), recordOf(row)]));
}
