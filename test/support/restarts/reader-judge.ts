/**
 * Judges what the reader of a client saw by what the log has: every message once or more, in order, none
 * missed, nothing made up. The log itself is judged by log-checker.ts. Pure.
 */
import type { Reading, Seen } from './restart-load.js';

export interface LoggedPlace {
  sequence: number;
  mark: string;
  messageId: string;
}

/** What is wrong, a line each; none is nothing. `log` is of the topic, whole. */
export function judgeReader(
  reading: Reading,
  log: readonly LoggedPlace[],
  seen: readonly Seen[],
): string[] {
  const faults: string[] = [];
  const logged = new Map(log.map((one) => [one.sequence, one]));
  const known = new Set<number>();
  let highest = 0;
  for (const { sequence, mark, messageId, attempt } of seen) {
    const place = logged.get(sequence);
    if (place?.mark !== mark || place.messageId !== messageId) {
      faults.push(`made up: ${mark} at ${sequence}, where the log has ${place?.mark}`);
    }
    if (!known.has(sequence)) {
      // Without an ordering what comes again does not hold up the rest (protocol.md).
      const isBehind = sequence < highest && (reading !== 'durable' || attempt === 1);
      if (isBehind) faults.push(`out of order: ${sequence} after ${highest}, attempt ${attempt}`);
      if (reading !== 'durable' && sequence > highest + 1) {
        faults.push(`missed: ${sequence} after ${highest}`);
      }
      known.add(sequence);
    }
    highest = Math.max(highest, sequence);
  }
  for (const { sequence, mark } of log) {
    if (!known.has(sequence)) faults.push(`never seen: ${mark} at ${sequence}`);
  }
  return faults.map((fault) => `${reading}: ${fault}`);
}
