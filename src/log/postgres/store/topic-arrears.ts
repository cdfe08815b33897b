/** What waits in topics, of a page of them at once. Keeps no state. */
import type { Tenant } from '../../../core/topic-key.js';
import { TOPIC_LETTERS_COUNTED, type TopicArrears } from '../../../core/topic-record.js';
import { livingHere } from '../session/living-topic.js';
import type { Queryable } from '../session/queryable.js';
import { CURSOR_JOIN } from './subscription-rows.js';

/** Of each topic the index is entered once for its subscriptions and once for its dead letters. */
const ARREARS_SQL = `WITH page AS MATERIALIZED (
    SELECT t.id FROM conduit.topics t JOIN conduit.tenants n ON n.id = t.tenant_id
    WHERE t.id = ANY($1::bigint[]) AND n.name = $2 AND ${livingHere('t')})
  SELECT p.id, o.floor, d.letters FROM page p
  CROSS JOIN LATERAL (
    SELECT min(c.ack_floor) AS floor FROM conduit.subscriptions s ${CURSOR_JOIN}
    WHERE s.topic_id = p.id) o
  CROSS JOIN LATERAL (
    SELECT count(*) AS letters FROM (
      SELECT FROM conduit.dead_letters d
      WHERE d.topic_id = p.id AND d.redriven_at IS NULL AND (d.subscription_id IS NULL
        OR EXISTS (SELECT FROM conduit.subscriptions s WHERE s.id = d.subscription_id))
      LIMIT ${TOPIC_LETTERS_COUNTED}) counted) d`;

interface ArrearsRow {
  id: string;
  floor: string | null;
  letters: string;
}

export async function readArrears(
  db: Queryable,
  tenant: Tenant,
  topicIds: readonly number[],
): Promise<TopicArrears[]> {
  if (topicIds.length === 0) return [];
  const { rows } = await db.query<ArrearsRow>(ARREARS_SQL, [topicIds, tenant]);
  return rows.map(({ id, floor, letters }) => ({
    topicId: Number(id),
    floor: floor === null ? null : Number(floor),
    deadLetters: Number(letters),
  }));
}
