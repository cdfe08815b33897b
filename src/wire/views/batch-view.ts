/** What the publisher of a batch is told: JSON text, written by hand, one item a message. */
import { isoTime } from '../../core/time.js';
import { formatUuid } from '../../core/uuid.js';
import type { PublishedPlace } from '../result.js';

/** JSON text of a committed message's result; nothing in it needs escaping. */
export function batchItemView(topic: string, published: PublishedPlace): string {
  const { messageId, sequence, publishedAtMs } = published;
  const duplicate = published.duplicate ? ',"duplicate":true' : '';
  const place = `"sequence":${sequence},"published_at":"${isoTime(publishedAtMs)}"`;
  return `{"message_id":"${formatUuid(messageId)}","topic":"${topic}",${place}${duplicate}}`;
}

/** JSON text of {results}; `items`: JSON texts, in the order of the messages. */
export function batchView(items: readonly string[]): string {
  return `{"results":[${items.join(',')}]}`;
}
