/** Deferred messages as clients see them: those that wait, and what the publisher of one is told. */
import type { DeferredPublish, DeferredRecord } from '../../core/deferred-record.js';
import { isoTime } from '../../core/time.js';
import { formatUuid } from '../../core/uuid.js';

export interface DeferredView {
  id: number;
  topic: string;
  deliver_at: string;
  created_at: string;
  bytes: number;
}

export interface DeferredPageView {
  deferred: DeferredView[];
  /** What to go on after; left out: that was all. */
  next: number | undefined;
}

export interface DeferredPublishView {
  deferred_id: number;
  topic: string;
  deliver_at: string;
  /** These three: of a repeat, where the first one is in the log by now. */
  message_id?: string;
  sequence?: number;
  published_at?: string;
  /** Left out where it is no repeat. */
  duplicate?: true;
}

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
