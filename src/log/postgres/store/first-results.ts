/**
 * First results of dedupe keys in PostgreSQL: of what is in the log, and of what waits in the outbox. Keeps
 * no state. A key whose transaction is not over is not seen, so nobody waits for it here.
 */
import type { ContentType, Publication } from '../../../core/message.js';
import { parseUuid } from '../../../core/uuid.js';
import { fingerprint } from '../../contract/fingerprint.js';
import type { FirstResult } from '../../contract/message-log.js';
import { COMPARED_BYTES_MAX, isSameMessage } from '../../contract/same-message.js';
import type { Queryable } from '../session/queryable.js';

/**
 * One look-up per key and table (LATERAL with LIMIT): a join by hash reads a whole table for each batch, when
 * its statistics are of another hour (200,000 rows, 500 keys: 300 ms, so 3). Without a name, so that it
 * is planned by the tables' size of now. What is stored counts before what waits under the same key.
 */
const FIRSTS_SQL = `WITH n AS MATERIALIZED (
    SELECT * FROM unnest($1::bigint[], $2::text[]) AS n (topic_id, dedupe_key))
  SELECT n.topic_id, n.dedupe_key, o.fingerprint, 0 AS sequence, NULL AS message_id,
    0 AS published_ms, o.id AS deferred_id, floor(extract(epoch FROM o.due_at) * 1000) AS deliver_ms
  FROM n CROSS JOIN LATERAL (
    SELECT id, due_at, conduit.fingerprint(content_type, key, headers, payload) AS fingerprint
    FROM conduit.outbox WHERE topic_id = n.topic_id AND dedupe_key = n.dedupe_key LIMIT 1) o
  UNION ALL
  SELECT n.topic_id, n.dedupe_key, d.fingerprint, d.sequence, d.message_id,
    floor(extract(epoch FROM d.published_at) * 1000), d.deferred_id,
    floor(extract(epoch FROM d.deliver_at) * 1000)
  FROM n CROSS JOIN LATERAL (
    SELECT * FROM conduit.publish_dedupe
    WHERE topic_id = n.topic_id AND dedupe_key = n.dedupe_key LIMIT 1) d
  WHERE d.expires_at > clock_timestamp()`;

/**
 * One look-up per first result, as above; the times spare a look into every leaf. A payload comes only when
 * it is compared by value; of larger ones of the same length comes what tells whether they are the same.
 */
const BODIES_SQL = `WITH n AS MATERIALIZED (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::float8[], $5::int[])
      WITH ORDINALITY AS n (topic_id, sequence, deferred_id, published_ms, bytes, place))
  SELECT place::int - 1 AS place, content_type, key, headers,
    CASE WHEN greatest(bytes, octet_length(payload)) <= ${COMPARED_BYTES_MAX} THEN payload END
      AS payload,
    CASE WHEN bytes > ${COMPARED_BYTES_MAX} AND octet_length(payload) = bytes
      THEN conduit.fingerprint(content_type, NULL, NULL, payload) END AS payload_fingerprint
  FROM (
    SELECT n.place, n.bytes, o.* FROM n CROSS JOIN LATERAL (
      SELECT content_type, key, headers, payload FROM conduit.outbox
      WHERE n.sequence = 0 AND id = n.deferred_id LIMIT 1) o
    UNION ALL
    SELECT n.place, n.bytes, m.* FROM n CROSS JOIN LATERAL (
      SELECT content_type, key, headers, payload FROM conduit.messages
      WHERE n.sequence > 0 AND topic_id = n.topic_id AND sequence = n.sequence
        AND published_at BETWEEN to_timestamp(n.published_ms / 1000 - 1)
          AND to_timestamp(n.published_ms / 1000 + 1) LIMIT 1) m) AS bodies`;

/** Compared at a time: the thread has other work, and their payloads are held at once. */
const COMPARED_MAX = 100;

/** What a statement gives of a first result. */
export interface FirstRow {
  fingerprint: Buffer;
  sequence: string;
  message_id: string | null;
  published_ms: string;
  deferred_id: string | null;
  deliver_ms: string | null;
}

interface KeyedFirstRow extends FirstRow {
  topic_id: string;
  dedupe_key: string;
}

/** A first result and what its message's bytes are told by. */
export interface KeptFirst {
  topicId: number;
  fingerprint: Buffer;
  first: FirstResult;
}

/** A publish under a key that has a first result. */
export interface Keyed {
  publication: Publication;
  kept: KeptFirst;
}

interface BodyRow {
  place: number;
  content_type: number;
  key: string | null;
  headers: string | null;
  payload: Buffer | null;
  payload_fingerprint: Buffer | null;
}

/** By `keyName`. */
export async function findFirsts(
  session: Queryable,
  topicIds: readonly number[],
  keys: readonly string[],
): Promise<Map<string, KeptFirst>> {
  const { rows } = await session.query<KeyedFirstRow>(FIRSTS_SQL, [topicIds, keys]);
  return new Map(
    rows.map((row) => {
      const topicId = Number(row.topic_id);
      return [keyName(topicId, row.dedupe_key), keptFirst(topicId, row)];
    }),
  );
}

export function keyName(topicId: number, dedupeKey: string): string {
  return `${topicId} ${dedupeKey}`;
}

export function keptFirst(topicId: number, row: FirstRow): KeptFirst {
  const messageId = row.message_id === null ? new Uint8Array(16) : parseUuid(row.message_id);
  if (messageId === null) throw new Error(`not a uuid: ${row.message_id}`);
  const first: FirstResult = {
    sequence: Number(row.sequence),
    messageId,
    publishedAtMs: Number(row.published_ms),
    deferred:
      row.deferred_id === null
        ? null
        : { id: Number(row.deferred_id), deliverAtMs: Number(row.deliver_ms ?? row.published_ms) },
  };
  return { topicId, fingerprint: row.fingerprint, first };
}

/**
 * Whether each publish repeats the first one under its key. null: cannot be told, for that was neither
 * waiting nor in the log any more; it may have been released a moment ago.
 */
export async function areRepeats(
  session: Queryable,
  keyed: readonly Keyed[],
): Promise<(boolean | null)[]> {
  const answers: (boolean | null)[] = keyed.map(({ publication, kept }) =>
    kept.fingerprint.equals(fingerprint(publication)) ? true : null,
  );
  const differ = [...keyed.keys()].filter((place) => answers[place] === null);
  for (let from = 0; from < differ.length; from += COMPARED_MAX) {
    const places = differ.slice(from, from + COMPARED_MAX);
    const asked = places.flatMap((place) => keyed[place] ?? []);
    const compared = await compare(session, asked);
    places.forEach((place, i) => {
      answers[place] = compared[i] ?? null;
    });
  }
  return answers;
}

/** Of publishes whose bytes are not those of the first one. */
async function compare(session: Queryable, keyed: readonly Keyed[]): Promise<(boolean | null)[]> {
  const firsts = keyed.map(({ kept }) => kept.first);
  const { rows } = await session.query<BodyRow>(BODIES_SQL, [
    keyed.map(({ kept }) => kept.topicId),
    firsts.map(({ sequence }) => sequence),
    firsts.map(({ deferred }) => deferred?.id ?? 0),
    firsts.map(({ publishedAtMs }) => publishedAtMs),
    keyed.map(({ publication }) => publication.payload.length),
  ]);
  const bodies = new Map(rows.map((row) => [row.place, row]));
  return keyed.map(({ publication }, place) => {
    const body = bodies.get(place);
    return body === undefined ? null : isSameAs(publication, body);
  });
}

function isSameAs(publication: Publication, body: BodyRow): boolean {
  const { payload, payload_fingerprint: its } = body;
  const contentType = body.content_type as ContentType;
  if (payload !== null) return isSameMessage(publication, { ...body, payload, contentType });
  if (its === null) return false;
  const bytes = { contentType: publication.contentType, payload: publication.payload };
  const isSamePayload = its.equals(fingerprint({ ...bytes, key: null, headers: null }));
  return isSamePayload && isSameMessage(publication, { ...body, ...bytes });
}
