/**
 * The sink of the contract suite: writes every outcome on its append, and breaks the test when an
 * append gets two, or when commits of a topic do not come in sequence order.
 */
import assert from 'node:assert/strict';
import type { ErrorCode } from '../../src/core/errors.js';
import { idTag } from '../../src/core/id-tag.js';
import type { LogState } from '../../src/core/log-figures.js';
import type { LogRow, Publication } from '../../src/core/message.js';
import { asTenant } from '../../src/core/topic-key.js';
import { makeUuidV7 } from '../../src/core/uuid.js';
import type {
  FirstResult,
  LogSink,
  PendingAppend,
  TopicCommit,
  TopicRelease,
} from '../../src/log/contract/message-log.js';

export type Outcome =
  | { kind: 'committed'; sequence: number; publishedAtMs: number }
  | { kind: 'duplicate'; first: FirstResult }
  | { kind: 'failed'; code: ErrorCode; detail: string };

export class TestAppend implements PendingAppend {
  readonly topicId: number;
  readonly epoch = null;
  readonly owner = asTenant('default');
  readonly messageId: Uint8Array;
  readonly publication: Publication;
  outcome: Outcome | null = null;

  /** `madeAtMs`: what its id says of when it was made. */
  constructor(
    topicId: number,
    publication: Partial<Publication> & { payload: Uint8Array },
    madeAtMs = Date.now(),
  ) {
    this.topicId = topicId;
    this.messageId = makeUuidV7(madeAtMs, idTag(topicId));
    this.publication = {
      contentType: 0,
      key: null,
      headers: null,
      dedupeKey: null,
      ttlMs: 0,
      ...publication,
    };
  }

  /** 0 unless it was committed. */
  get sequence(): number {
    return this.outcome?.kind === 'committed' ? this.outcome.sequence : 0;
  }
}

export class RecordingSink implements LogSink<TestAppend> {
  readonly commits: TopicCommit<TestAppend>[] = [];
  readonly releases = new Map<number, LogRow[]>();
  readonly states: LogState[] = [];
  headsMovedCalls = 0;
  epochChanges = 0;
  readonly #heads = new Map<number, number>();

  committed(commit: TopicCommit<TestAppend>): void {
    const { topicId, firstSequence, publishedAtMs, appends } = commit;
    assert.ok(appends.length > 0, 'a commit is never empty');
    assert.ok(firstSequence > (this.#heads.get(topicId) ?? 0), 'commits come in order');
    this.#heads.set(topicId, firstSequence + appends.length - 1);
    this.commits.push(commit);
    appends.forEach((append, index) => {
      assert.equal(append.topicId, topicId);
      settle(append, { kind: 'committed', sequence: firstSequence + index, publishedAtMs });
    });
  }

  duplicate(append: TestAppend, first: FirstResult): void {
    settle(append, { kind: 'duplicate', first });
  }

  failed(append: TestAppend, code: ErrorCode, detail: string): void {
    settle(append, { kind: 'failed', code, detail });
  }

  released({ topicId, rows }: TopicRelease): void {
    this.releases.set(topicId, [...(this.releases.get(topicId) ?? []), ...rows]);
  }

  headsMoved(): void {
    this.headsMovedCalls++;
  }

  stateChanged(state: LogState): void {
    this.states.push(state);
  }

  epochChanged(): void {
    this.epochChanges++;
  }
}

function settle(append: TestAppend, outcome: Outcome): void {
  assert.equal(append.outcome, null, 'an append has one outcome');
  append.outcome = outcome;
}
