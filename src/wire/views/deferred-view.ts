/** Deferred messages as clients see them: those that wait, and what the publisher of one is told. */
import type { DeferredPublish, DeferredRecord } from '../../core/deferred-record.js';
import { isoTime } from '../../core/time.js';
import { formatUuid } from '../../core/uuid.js';
import type * as schemas from '../schemas/deferred.js';
import type { View } from '../schemas/kinds.js';
import type { ACCEPTED } from '../schemas/publishes.js';

export type DeferredView = View<typeof schemas.DEFERRED>;
export type DeferredPageView = View<typeof schemas.DEFERRED_PAGE>;
/** Of a repeat whose first one is in the log by now, with where that is. */
export type DeferredPublishView = View<typeof ACCEPTED>;

export function deferredView(record: DeferredRecord): DeferredView {
  const { id, topic, deliverAtMs, createdAtMs, bytes } = record;
  return { id, topic, deliver_at: isoTime(deliverAtMs), created_at: isoTime(createdAtMs), bytes };
}

/** `limit`: as many as were asked for; a page that has them may have a next one. */
export function deferredPageView(
  records: readonly DeferredRecord[],
  limit: number,
): DeferredPageView {
  const deferred = records.map(deferredView);
  return { deferred, next: deferred.length === limit ? deferred.at(-1)?.id : undefined };
}

/** Over HTTP and WebSocket alike. Of a repeat it is the first one's answer, and where that is by now. */
export function deferredPublishView(publish: DeferredPublish, topic: string): DeferredPublishView {
  const { deferredId: deferred_id, deliverAtMs, duplicate, sequence, messageId } = publish;
  const accepted = { deferred_id, topic, deliver_at: isoTime(deliverAtMs) };
  if (!duplicate) return accepted;
  if (sequence === 0) return { ...accepted, duplicate };
  const published_at = isoTime(publish.publishedAtMs);
  const place = { message_id: formatUuid(messageId), sequence, published_at };
  return { ...accepted, ...place, duplicate };
}
