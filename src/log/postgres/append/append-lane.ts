/**
 * One session that appends batches, one after another, and answers every message of them, whatever
 * breaks: retries what is known not to be stored, looks up what is not known, bisects around a message
 * that PostgreSQL refuses. The topics that somebody else has locked are given back.
 */
import type { Clock } from '../../../core/clock.js';
import type { ErrorCode } from '../../../core/errors.js';
import type { Limits } from '../../../core/limits.js';
import type { AppendFigures } from '../../contract/append-figures.js';
import type { Fault } from '../../contract/log-errors.js';
import { faultOf, messageOf } from '../../contract/log-errors.js';
import {
  LOG_LOCKED,
  LOG_READ_ONLY,
  LOG_REFUSALS,
  LOG_REPLACED,
  LOG_UNREACHABLE,
  type LogRefusal,
} from '../../contract/log-refusal.js';
import type { LogSink, PendingAppend } from '../../contract/message-log.js';
import { makeLeaves } from '../upkeep/partitions.js';
import type { TopicAppends } from './append-groups.js';
import { addBehind, appendsOf, groupByTopic, ofOtherLogs, split } from './append-groups.js';
import type { AppendOutcome } from './append-outcome.js';
import { tellOutcome } from './append-outcome.js';
import type { AppendConnection, AppendSession } from './append-session.js';
import { appendOn } from './append-transaction.js';
import { UnknownCommit } from './unknown-commit.js';

/** Away for this long, and publishers are told 503. */
export const DOWN_AFTER_MS = 1_000;
/** How long what is not known may be looked for: a server that was killed is mostly back by then. */
const UNKNOWN_MAX_MS = 4_000;
const LOOK_LOCK_MS = 2_000;
const LOOK_PAUSE_MS = 100;
/** A transaction that takes longer has lost its server. Time spent waiting for a row comes on top. */
const WATCHDOG_MS = 5_000;
const TRIES_MAX = 3;
const RETRY_PAUSE_MS = 20;
const OUTCOME_UNKNOWN: LogRefusal = {
  code: 'outcome_unknown',
  detail: 'the connection to the database was lost during COMMIT',
};

/** `skip`: what is locked is given back at once; else it is waited for, this long. */
export type LockWait = 'skip' | { ms: number };

export interface AppendLaneOptions<A extends PendingAppend> {
  connection: AppendConnection;
  limits: Pick<Limits, 'dedupeWindowMs'>;
  clock: Clock;
  sink: LogSink<A>;
  figures: AppendFigures;
  /** That of the last session that was opened, whoever's it is. */
  incarnation: () => string;
  onReadOnly: (detail: string) => void;
  /** A lock on a table, not on a topic's row, was not free in time. */
  onLocked: (detail: string) => void;
  onTrouble: (what: string, error: unknown) => void;
}

type Attempt<A extends PendingAppend> =
  | { kind: 'committed'; outcome: AppendOutcome<A> }
  | { kind: 'unknown'; unknown: UnknownCommit<A> }
  | { kind: 'failed'; fault: Exclude<Fault, 'bug'>; error: unknown };

/** What a batch has been through. */
interface Work<A extends PendingAppend> {
  /** Not answered yet. */
  groups: TopicAppends<A>;
  /** To be given back. */
  locked: TopicAppends<A>;
  lock: LockWait;
  tries: number;
}

export class AppendLane<A extends PendingAppend> {
  readonly #options: AppendLaneOptions<A>;

  constructor(options: AppendLaneOptions<A>) {
    this.#options = options;
  }

  /** All but what is given back (locked by somebody else) has been answered. One call at a time. */
  async write(groups: TopicAppends<A>, lock: LockWait): Promise<TopicAppends<A>> {
    const { connection } = this.#options;
    const work: Work<A> = { groups, locked: new Map(), lock, tries: 0 };
    while (work.groups.size > 0) {
      const session = await connection.ready(DOWN_AFTER_MS);
      if (session === null) this.#fail(work, LOG_UNREACHABLE);
      else if (this.#fits(work, session)) await this.#turn(work, session);
    }
    return work.locked;
  }

  /**
   * Whether all of it stands on the log of the session. A session of the log before is ended; what came
   * before the log was another is refused, since its topics may have other ids now.
   */
  #fits(work: Work<A>, session: AppendSession): boolean {
    const { name } = session.incarnation;
    const others = ofOtherLogs(work.groups, name);
    if (others.size === 0) return true;
    if (name !== this.#options.incarnation()) {
      this.#options.connection.drop(session, 'the log is another by now');
      return false;
    }
    work.groups = split(work.groups, others).outside;
    this.#tell(others, LOG_REPLACED.code, LOG_REPLACED.detail);
    return work.groups.size > 0;
  }

  async #turn(work: Work<A>, session: AppendSession): Promise<void> {
    work.tries++;
    const attempt = await this.#attempt(work, session);
    // Outside of any try: what the sink throws is a bug and must not look like the database's error.
    if (attempt.kind === 'committed') this.#settle(work, attempt.outcome);
    else if (attempt.kind === 'unknown') await this.#lookFor(work, attempt.unknown, session);
    else await this.#failed(work, attempt, session);
  }

  async #attempt(work: Work<A>, session: AppendSession): Promise<Attempt<A>> {
    const { connection, limits, figures, clock } = this.#options;
    const startedMs = clock.monotonic();
    const lockWaitMs = work.lock === 'skip' ? 0 : work.lock.ms;
    const watchdog = setTimeout(
      () => connection.drop(session, 'PostgreSQL does not answer'),
      WATCHDOG_MS + lockWaitMs,
    );
    try {
      const outcome = await appendOn(session.client, work.groups, {
        dedupeWindowMs: limits.dedupeWindowMs,
        locking: work.lock === 'skip' ? 'skip' : 'wait',
        lockWaitMs,
        logOid: session.incarnation.logOid,
      });
      figures.seconds.observe((clock.monotonic() - startedMs) / 1_000);
      figures.rows.observe(rowsOf(outcome));
      return { kind: 'committed', outcome };
    } catch (error) {
      figures.errors++;
      if (error instanceof UnknownCommit) {
        return { kind: 'unknown', unknown: error as UnknownCommit<A> };
      }
      const fault = faultOf(error);
      if (fault === 'bug') throw error;
      return { kind: 'failed', fault, error };
    } finally {
      clearTimeout(watchdog);
    }
  }

  #settle(work: Work<A>, outcome: AppendOutcome<A>): void {
    const { inside } = split(work.groups, outcome.skipped);
    work.groups = new Map();
    tellOutcome(this.#options.sink, outcome);
    if (work.lock === 'skip') addBehind(work.locked, inside);
    else this.#tell(inside, 'topic_not_found', 'topic not found');
  }

  async #failed(
    work: Work<A>,
    { fault, error }: { fault: Exclude<Fault, 'bug'>; error: unknown },
    session: AppendSession,
  ): Promise<void> {
    if (fault === 'message') return this.#bisect(work, error);
    if (fault === 'connection') this.#options.connection.drop(session, messageOf(error));
    if (fault === 'locked' && work.lock !== 'skip') {
      addBehind(work.locked, work.groups);
      work.groups = new Map();
    } else if (fault === 'locked') {
      // Others wait behind: who was not let in within LOCK_TIMEOUT_MS tries again by himself.
      this.#options.onLocked(messageOf(error));
      this.#fail(work, LOG_LOCKED);
    } else if (fault === 'read_only') {
      this.#options.onReadOnly(messageOf(error));
      this.#fail(work, LOG_READ_ONLY);
    } else if (work.tries >= TRIES_MAX || fault === 'full') {
      this.#options.onTrouble('append', error);
      this.#fail(work, LOG_REFUSALS[fault]);
    } else if (fault === 'partition') await this.#makeLeaves(session);
    else if (fault !== 'connection') await pause(RETRY_PAUSE_MS * work.tries);
  }

  /** Finds the message that PostgreSQL refuses; what is before it in its topic is stored before. */
  async #bisect(work: Work<A>, error: unknown): Promise<void> {
    const all = appendsOf(work.groups);
    const [first] = all;
    if (first !== undefined && all.length === 1) {
      this.#options.onTrouble(`a message was refused (tenant ${first.owner})`, error);
      this.#fail(work, LOG_REFUSALS.message);
      return;
    }
    work.groups = new Map();
    const middle = all.length >> 1;
    for (const half of [all.slice(0, middle), all.slice(middle)]) {
      // A topic that was locked in the first half takes its later messages along.
      const { inside, outside } = split(groupByTopic(half), work.locked);
      addBehind(work.locked, inside);
      addBehind(work.locked, await this.write(outside, work.lock));
    }
  }

  /** The commit was not answered: stored as a whole, not at all, or nobody can tell in time. */
  async #lookFor(work: Work<A>, unknown: UnknownCommit<A>, old: AppendSession): Promise<void> {
    const { connection, clock } = this.#options;
    connection.drop(old, 'COMMIT was not answered');
    const { inside, outside } = split(work.groups, unknown.skipped);
    if (work.lock === 'skip') addBehind(work.locked, inside);
    else this.#tell(inside, 'topic_not_found', 'topic not found');
    work.groups = outside;
    const until = clock.monotonic() + UNKNOWN_MAX_MS;
    for (let leftMs = UNKNOWN_MAX_MS; leftMs > 0; leftMs = until - clock.monotonic()) {
      const session = await connection.ready(UNKNOWN_MAX_MS);
      if (session === null) break;
      const found = await this.#look(session, unknown, { oldPid: old.pid, leftMs });
      if (found !== 'unknown') {
        if (found !== null) this.#settle(work, found);
        return;
      }
      await pause(LOOK_PAUSE_MS);
    }
    this.#fail(work, OUTCOME_UNKNOWN);
  }

  async #look(
    session: AppendSession,
    unknown: UnknownCommit<A>,
    { oldPid, leftMs }: { oldPid: number; leftMs: number },
  ): Promise<AppendOutcome<A> | null | 'unknown'> {
    const { connection, onTrouble } = this.#options;
    const lockWaitMs = Math.min(LOOK_LOCK_MS, leftMs);
    const watchdog = setTimeout(
      () => connection.drop(session, 'PostgreSQL does not answer'),
      leftMs,
    );
    try {
      return await unknown.find(session.client, { oldPid, lockWaitMs });
    } catch (error) {
      onTrouble('looking for an unanswered COMMIT', error);
      // A session with a transaction half done is not used again.
      connection.drop(session, messageOf(error));
      return 'unknown';
    } finally {
      clearTimeout(watchdog);
    }
  }

  async #makeLeaves({ client }: AppendSession): Promise<void> {
    try {
      await makeLeaves(client);
    } catch (error) {
      this.#options.onTrouble('making partitions', error);
    }
  }

  #fail(work: Work<A>, { code, detail }: LogRefusal): void {
    const { groups } = work;
    work.groups = new Map();
    this.#tell(groups, code, detail);
  }

  #tell(groups: TopicAppends<A>, code: ErrorCode, detail: string): void {
    for (const append of appendsOf(groups)) this.#options.sink.failed(append, code, detail);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function rowsOf<A extends PendingAppend>({ commits }: AppendOutcome<A>): number {
  return commits.reduce((rows, { appends }) => rows + appends.length, 0);
}
