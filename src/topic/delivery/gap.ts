/**
 * What a page of the log says of messages that can no longer be read: retention passed them, or a
 * failover lost them.
 */
import type { LogPage, ReadRange } from '../../log/contract/message-log.js';

/**
 * Last sequence from the start of an ascending range that cannot be read any more;
 * range.fromSequence - 1 when the first can. An empty read below the head is a gap up to the head.
 */
export function gapEnd(range: ReadRange, page: LogPage): number {
  const first = page.rows[0];
  if (first !== undefined) return first.sequence - 1;
  return Math.max(range.fromSequence - 1, Math.min(range.toSequence, page.lastSequence));
}
