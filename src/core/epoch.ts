/**
 * The epoch of a topic as clients hold it: opaque to them, 1 to 32 of [0-9a-z]. Inside: the length of
 * the topic id in base 36 (one digit), the id in base 36, and the incarnation of the log (see
 * sql/0009_incarnations.sql; in memory, one boot).
 */

const EPOCH = /^[0-9a-z]{1,32}$/;

/** Whether clients may hold it for one; what it says is another question. */
export function isEpoch(text: string): boolean {
  return EPOCH.test(text);
}

/** `incarnation`: 1 to 20 of [0-9a-z]. */
export function formatEpoch(topicId: number, incarnation: string): string {
  const id = topicId.toString(36);
  return `${id.length.toString(36)}${id}${incarnation}`;
}

/** Of an epoch that was made here. */
export function topicIdOf(epoch: string): number {
  const digits = Number.parseInt(epoch.slice(0, 1), 36);
  return Number.parseInt(epoch.slice(1, 1 + digits), 36);
}

/** The incarnation in an epoch of this topic id. */
export function incarnationOf(epoch: string, topicId: number): string {
  return epoch.slice(formatEpoch(topicId, '').length);
}

/** Whether the epoch is of this topic id, of any incarnation. A topic made again has another id. */
export function isEpochOf(epoch: string, topicId: number): boolean {
  return epoch.startsWith(formatEpoch(topicId, '')) && epoch.length <= 32;
}
