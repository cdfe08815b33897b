/** What a publisher is told of a deferred publish, over HTTP and WebSocket alike. Pure. */
import { isoTime } from '../../core/time.js';
import { formatUuid } from '../../core/uuid.js';
import type { DeferredOp } from '../../thread/ops/publish.js';

/** Of a repeat it is the first one's answer, and where that is by now. */
export function deferredAnswer(op: DeferredOp, topic: string): Record<string, unknown> {
  const { deferredId: deferred_id, deliverAtMs, duplicate, sequence, messageId } = op;
  const accepted = { deferred_id, topic, deliver_at: isoTime(deliverAtMs) };
  if (!duplicate) return accepted;
  if (sequence === 0) return { ...accepted, duplicate };
  const published_at = isoTime(op.publishedAtMs);
  const place = { message_id: formatUuid(messageId), sequence, published_at };
  return { ...accepted, ...place, duplicate };
}
