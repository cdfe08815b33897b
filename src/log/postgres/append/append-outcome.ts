/** Tells the sink what a committed transaction did with each of its appends. */

import type {
  FirstResult,
  LogSink,
  PendingAppend,
  TopicCommit,
} from '../../contract/message-log.js';
import { MISMATCH } from '../../contract/same-message.js';
import type { TopicAppends } from './append-groups.js';
import type { DedupeResult } from './dedupe.js';

/** What a transaction did. */
export interface AppendOutcome<A extends PendingAppend> {
  commits: TopicCommit<A>[];
  /** Topics that somebody else holds, or that are gone. */
  skipped: TopicAppends<A>;
  dedupe: DedupeResult<A>;
}

/** All but those of the topics that were skipped. Only after COMMIT was answered, or found done. */
export function tellOutcome<A extends PendingAppend>(
  sink: LogSink<A>,
  outcome: AppendOutcome<A>,
): void {
  const { known, mismatched, repeats } = outcome.dedupe;
  for (const commit of outcome.commits) sink.committed(commit);
  if (known.length + mismatched.length + repeats.length === 0) return;
  const isSkipped = (append: A): boolean => outcome.skipped.has(append.topicId);
  const firsts = firstsOf(outcome);
  for (const { append, first } of known) {
    if (!isSkipped(append)) sink.duplicate(append, first);
  }
  for (const append of mismatched) {
    if (!isSkipped(append)) sink.failed(append, 'dedupe_mismatch', MISMATCH);
  }
  for (const { append, of } of repeats) {
    if (isSkipped(append)) continue;
    const first = firsts.get(of);
    // The one it repeats was a mismatch itself.
    if (first === undefined) sink.failed(append, 'dedupe_mismatch', MISMATCH);
    else sink.duplicate(append, first);
  }
}

function firstsOf<A extends PendingAppend>(outcome: AppendOutcome<A>): Map<A, FirstResult> {
  const firsts = new Map<A, FirstResult>();
  for (const { firstSequence, publishedAtMs, appends } of outcome.commits) {
    appends.forEach((append, n) => {
      const { messageId } = append;
      const sequence = firstSequence + n;
      firsts.set(append, { sequence, messageId, publishedAtMs, deferred: null });
    });
  }
  for (const { append, first } of outcome.dedupe.known) firsts.set(append, first);
  return firsts;
}
