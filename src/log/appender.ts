/**
 * Appends of one topic worker: while one transaction is in flight the next batch collects, which is the
 * group commit. A topic that is held by somebody else, or whose last commit is unknown, is taken
 * out of the stream: what comes for it queues behind it, in order, and the other topics go on.
 */
import type pg from 'pg';
import { backoffMs } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import type { ErrorCode } from '../core/errors.js';
import type { Limits } from '../core/limits.js';
import { rowBytes } from '../core/message.js';
import {
  type AppendOutcome,
  appendOn,
  type Groups,
  isCommitted,
  UnknownCommit,
} from './append-transaction.js';
import { destroy } from './log-connection.js';
import { faultOf, messageOf } from './log-errors.js';
import type { FirstResult, LogSink, LogState, PendingAppend } from './message-log.js';
import { makeLeaves } from './partitions.js';

/** After this without a connection publishers are told 503. */
const DOWN_GRACE_MS = 1_000;
const RECONNECT = { firstMs: 50, capMs: 1_000 };
/** How long an unknown commit may take to be resolved. */
const UNKNOWN_MAX_MS = 8_000;
/** A transaction that takes longer has lost its server. */
const WATCHDOG_MS = 12_000;
const TRIES_MAX = 3;
const RETRY_MS = 20;

export interface AppenderOptions<A extends PendingAppend> {
  /** A session for appends; `onLost` when it breaks. */
  connect: (onLost: (error: Error) => void) => Promise<pg.Client>;
  /** Appends of one topic whose row has to be waited for, on another session. */
  appendWaiting: (topicId: number, append: (client: pg.Client) => Promise<void>) => Promise<void>;
  limits: Limits;
  clock: Clock;
  sink: LogSink<A>;
  onState: (state: LogState, detail: string) => void;
  onTrouble: (what: string, error: unknown) => void;
}

interface Unknown<A extends PendingAppend> {
  outcome: AppendOutcome<A>;
  groups: Groups<A>;
  sinceMs: number;
}

export class Appender<A extends PendingAppend> {
  readonly #options: AppenderOptions<A>;
  #collecting: A[] = [];
  /** Topics out of the stream, with what came for them meanwhile. */
  readonly #held = new Map<number, A[]>();
  readonly #unknown: Unknown<A>[] = [];
  #client: pg.Client | null = null;
  #state: 'down' | 'idle' | 'busy' | 'closed' = 'down';
  #downSinceMs = 0;
  #connecting = false;
  #underWay: Promise<void> = Promise.resolve();
  #lingering: NodeJS.Timeout | null = null;

  constructor(options: AppenderOptions<A>) {
    this.#options = options;
  }

  /** Rejects when the first connection fails. */
  async open(): Promise<void> {
    this.#use(await this.#options.connect((error) => this.#lost(error)));
  }

  append(append: A): void {
    const held = this.#held.get(append.topicId);
    if (held === undefined) this.#collecting.push(append);
    else held.push(append);
  }

  flush(): void {
    if (this.#collecting.length === 0) return;
    if (this.#state === 'idle') this.#startSoon();
    else if (this.#state === 'down' || this.#state === 'closed') this.#failWhenDown();
  }

  /** Finishes what is under way, fails the rest. */
  async close(): Promise<void> {
    await this.#underWay;
    this.#state = 'closed';
    for (const queue of this.#held.values()) this.#collecting.push(...queue.splice(0));
    this.#failAll(this.#collecting.splice(0), 'draining', 'this node is shutting down');
    for (const one of this.#unknown.splice(0)) this.#giveUp(one);
    const client = this.#client;
    this.#client = null;
    await client?.end();
  }

  #startSoon(): void {
    const { batchLingerMs, batchMessagesMax } = this.#options.limits;
    if (batchLingerMs === 0 || this.#collecting.length >= batchMessagesMax) {
      this.#start();
      return;
    }
    this.#lingering ??= setTimeout(() => {
      this.#lingering = null;
      if (this.#state === 'idle') this.#start();
    }, batchLingerMs);
  }

  #start(): void {
    this.#state = 'busy';
    this.#underWay = this.#run();
  }

  async #run(): Promise<void> {
    while (this.#collecting.length > 0) {
      const client = this.#client;
      if (client === null) return;
      await this.#appendOn(client, this.#takeBatch(), 'skip');
    }
    if (this.#state === 'busy') this.#state = 'idle';
  }

  /** The next batch, by topic; bounded in messages and bytes. */
  #takeBatch(): Groups<A> {
    const { batchMessagesMax, batchBytesMax } = this.#options.limits;
    const groups: Groups<A> = new Map();
    let bytes = 0;
    let count = 0;
    for (const append of this.#collecting) {
      bytes += rowBytes(append.publication);
      if (count > 0 && (count >= batchMessagesMax || bytes > batchBytesMax)) break;
      count++;
      const group = groups.get(append.topicId);
      if (group === undefined) groups.set(append.topicId, [append]);
      else group.push(append);
    }
    this.#collecting = count === this.#collecting.length ? [] : this.#collecting.slice(count);
    return groups;
  }

  /** Appends until every message of it has an outcome, is queued again, or waits elsewhere. */
  async #appendOn(client: pg.Client, groups: Groups<A>, locking: 'skip' | 'wait'): Promise<void> {
    for (let tried = 1; ; tried++) {
      try {
        const outcome = await this.#guarded(client, groups, locking);
        this.#settle(groups, outcome, locking);
        return;
      } catch (error) {
        if (error instanceof UnknownCommit) {
          this.#holdUnknown(error.outcome as AppendOutcome<A>, groups, locking);
          return;
        }
        const done = await this.#failed(client, groups, locking, { error, tried });
        if (done) return;
      }
    }
  }

  async #guarded(
    client: pg.Client,
    groups: Groups<A>,
    locking: 'skip' | 'wait',
  ): Promise<AppendOutcome<A>> {
    const watchdog = setTimeout(() => destroy(client), WATCHDOG_MS);
    try {
      const { dedupeWindowMs } = this.#options.limits;
      return await appendOn(client, groups, { dedupeWindowMs, locking });
    } finally {
      clearTimeout(watchdog);
    }
  }

  /** Decides what a failed transaction means for its messages; false: it is to be tried again. */
  async #failed(
    client: pg.Client,
    groups: Groups<A>,
    locking: 'skip' | 'wait',
    { error, tried }: { error: unknown; tried: number },
  ): Promise<boolean> {
    const fault = faultOf(error);
    const all = [...groups.values()].flat();
    if (fault === 'message') {
      await this.#bisect(client, all, locking, error);
      return true;
    }
    if (fault === 'connection') {
      if (locking === 'skip') this.#requeue(all);
      else this.#failAll(all, 'log_unavailable', messageOf(error));
      return true;
    }
    if (fault === 'locked') {
      this.#failAll(all, 'topic_busy', 'another writer holds the topic');
      return true;
    }
    if (fault === 'read_only') {
      this.#options.onState('read_only', messageOf(error));
      this.#failAll(all, 'log_read_only', 'the database is read-only');
      return true;
    }
    if (tried >= TRIES_MAX) {
      this.#options.onTrouble('append', error);
      this.#failAll(
        all,
        'log_unavailable',
        fault === 'full' ? 'the disk is full' : 'the log failed',
      );
      return true;
    }
    if (fault === 'partition') await this.#makeLeaves(client);
    else await new Promise((resolve) => setTimeout(resolve, RETRY_MS * tried));
    return false;
  }

  /** Finds the one message whose data PostgreSQL refuses; the others are stored, in their order. */
  async #bisect(
    client: pg.Client,
    appends: A[],
    locking: 'skip' | 'wait',
    error: unknown,
  ): Promise<void> {
    if (appends.length === 1) {
      this.#failAll(appends, 'message_refused', messageOf(error));
      return;
    }
    const middle = appends.length >> 1;
    for (const half of [appends.slice(0, middle), appends.slice(middle)]) {
      // The first half may have lost the session, or found a topic held: then order asks to queue.
      const free = half.filter((append) => !this.#queueIfHeld(append, locking));
      if (locking === 'skip' && this.#client !== client) this.#requeue(free);
      else if (free.length > 0) await this.#appendOn(client, groupByTopic(free), locking);
    }
  }

  #queueIfHeld(append: A, locking: 'skip' | 'wait'): boolean {
    const held = locking === 'skip' ? this.#held.get(append.topicId) : undefined;
    held?.push(append);
    return held !== undefined;
  }

  async #makeLeaves(client: pg.Client): Promise<void> {
    try {
      await makeLeaves(client);
    } catch (error) {
      this.#options.onTrouble('making partitions', error);
    }
  }

  #settle(groups: Groups<A>, outcome: AppendOutcome<A>, locking: 'skip' | 'wait'): void {
    const { sink } = this.#options;
    const results = new Map<A, FirstResult>();
    for (const commit of outcome.commits) sink.committed(commit);
    this.#settleDedupe(outcome, results);
    for (const topicId of outcome.skipped.keys()) {
      const appends = groups.get(topicId) ?? [];
      if (locking === 'wait') this.#failAll(appends, 'topic_not_found', 'topic not found');
      else this.#hold(topicId, appends);
      if (locking === 'skip') this.#wait(topicId);
    }
  }

  #settleDedupe(outcome: AppendOutcome<A>, results: Map<A, FirstResult>): void {
    const { sink } = this.#options;
    const { known, mismatched, repeats } = outcome.dedupe;
    if (known.length + mismatched.length + repeats.length === 0) return;
    for (const { firstSequence, publishedAtMs, appends } of outcome.commits) {
      appends.forEach((append, i) => {
        const { messageId } = append;
        results.set(append, { sequence: firstSequence + i, messageId, publishedAtMs });
      });
    }
    const isSkipped = (append: A): boolean => outcome.skipped.has(append.topicId);
    for (const { append, first } of known) {
      if (isSkipped(append)) continue;
      results.set(append, first);
      sink.duplicate(append, first);
    }
    const mismatch = 'the dedupe key was used for another message';
    this.#failAll(
      mismatched.filter((one) => !isSkipped(one)),
      'dedupe_mismatch',
      mismatch,
    );
    for (const { append, of } of repeats) {
      if (isSkipped(append)) continue;
      const first = results.get(of);
      if (first !== undefined) sink.duplicate(append, first);
      else this.#failAll([append], 'dedupe_mismatch', mismatch);
    }
  }

  /** Takes a topic out of the stream; what already collected for it queues behind `first`. */
  #hold(topicId: number, first: readonly A[]): void {
    const queue = [...first];
    const others: A[] = [];
    for (const append of this.#collecting) {
      if (append.topicId === topicId) queue.push(append);
      else others.push(append);
    }
    this.#collecting = others;
    const held = this.#held.get(topicId);
    this.#held.set(topicId, held === undefined ? queue : [...queue, ...held]);
  }

  /** Puts a topic back into the stream: `first`, then what queued. */
  #release(topicId: number, first: readonly A[]): void {
    const queue = this.#held.get(topicId) ?? [];
    this.#held.delete(topicId);
    this.#collecting.push(...first, ...queue);
    this.flush();
  }

  /** Waits for the row of a held topic on a session of its own, and appends there what queued. */
  #wait(topicId: number): void {
    this.#options
      .appendWaiting(topicId, async (client) => {
        const queue = this.#held.get(topicId) ?? [];
        const some = queue.splice(0, this.#options.limits.batchMessagesMax);
        if (some.length > 0) await this.#appendOn(client, new Map([[topicId, some]]), 'wait');
      })
      .catch((error: unknown) => {
        this.#options.onTrouble('waiting for a topic', error);
        const queue = this.#held.get(topicId)?.splice(0) ?? [];
        this.#failAll(queue, 'log_unavailable', 'the log cannot be reached');
      })
      .finally(() => {
        if (this.#unknown.some(({ groups }) => groups.has(topicId))) return;
        this.#release(topicId, []);
      });
  }

  #holdUnknown(outcome: AppendOutcome<A>, groups: Groups<A>, locking: 'skip' | 'wait'): void {
    const stored = new Map([...groups].filter(([id]) => !outcome.skipped.has(id)));
    for (const topicId of stored.keys()) this.#hold(topicId, []);
    for (const topicId of outcome.skipped.keys()) {
      this.#hold(topicId, groups.get(topicId) ?? []);
      if (locking === 'skip') this.#wait(topicId);
    }
    this.#unknown.push({ outcome, groups: stored, sinceMs: this.#options.clock.monotonic() });
    if (this.#state !== 'down' && this.#client !== null && locking === 'wait') {
      void this.#resolveUnknown(this.#client);
    }
  }

  /** Asks the log what became of the commits whose answers were lost. */
  async #resolveUnknown(client: pg.Client): Promise<void> {
    for (const one of this.#unknown.splice(0)) {
      try {
        const committed = await isCommitted(client, one.outcome.commits);
        if (committed) this.#settle(one.groups, { ...one.outcome, skipped: new Map() }, 'skip');
        for (const [topicId, appends] of one.groups) {
          this.#release(topicId, committed ? [] : appends);
        }
      } catch (error) {
        this.#options.onTrouble('resolving an unknown commit', error);
        const age = this.#options.clock.monotonic() - one.sinceMs;
        if (age < UNKNOWN_MAX_MS) this.#unknown.push(one);
        else this.#giveUp(one);
        if (faultOf(error) === 'connection') return;
      }
    }
  }

  #giveUp(one: Unknown<A>): void {
    const all = [...one.groups.values()].flat();
    this.#failAll(all, 'outcome_unknown', 'the connection was lost during COMMIT');
    for (const topicId of one.groups.keys()) this.#release(topicId, []);
  }

  #failAll(appends: readonly A[], code: ErrorCode, detail: string): void {
    for (const append of appends) this.#options.sink.failed(append, code, detail);
  }

  /** Back to the front: not stored, and before what came later. */
  #requeue(appends: readonly A[]): void {
    this.#collecting = [...appends, ...this.#collecting];
  }

  #use(client: pg.Client): void {
    this.#client = client;
    this.#state = 'idle';
    this.#options.onState('open', 'connected');
  }

  #lost(error: Error): void {
    if (this.#state === 'closed' || this.#client === null) return;
    this.#client = null;
    this.#state = 'down';
    this.#downSinceMs = this.#options.clock.monotonic();
    this.#options.onState('lost', error.message);
    void this.#underWay.then(() => this.#reconnect());
  }

  async #reconnect(): Promise<void> {
    if (this.#connecting) return;
    this.#connecting = true;
    const { clock, connect, onTrouble } = this.#options;
    const failer = setInterval(() => this.#failWhenDown(), 100);
    for (let attempt = 1; this.#state === 'down'; attempt++) {
      try {
        const client = await connect((error) => this.#lost(error));
        await this.#resolveUnknown(client);
        this.#connecting = false;
        this.#use(client);
        break;
      } catch (error) {
        onTrouble('reconnecting', error);
        const delay = backoffMs(attempt, RECONNECT, clock.random);
        await new Promise((resolve) => setTimeout(resolve, delay));
      }
    }
    this.#connecting = false;
    clearInterval(failer);
    this.flush();
  }

  /** Publishers are told within the grace; what is unknown is told when it cannot be resolved. */
  #failWhenDown(): void {
    const now = this.#options.clock.monotonic();
    if (this.#state === 'down' && now - this.#downSinceMs < DOWN_GRACE_MS) return;
    setImmediate(() => {
      if (this.#state !== 'down' && this.#state !== 'closed') return;
      const code = this.#state === 'closed' ? 'draining' : 'log_unavailable';
      this.#failAll(this.#collecting.splice(0), code, 'the log cannot be reached');
      for (const queue of this.#held.values()) {
        this.#failAll(queue.splice(0), code, 'the log cannot be reached');
      }
      const late = this.#unknown.filter((one) => now - one.sinceMs >= UNKNOWN_MAX_MS);
      for (const one of late) {
        this.#unknown.splice(this.#unknown.indexOf(one), 1);
        this.#giveUp(one);
      }
    });
  }
}

function groupByTopic<A extends PendingAppend>(appends: readonly A[]): Groups<A> {
  const groups: Groups<A> = new Map();
  for (const append of appends) {
    const group = groups.get(append.topicId);
    if (group === undefined) groups.set(append.topicId, [append]);
    else group.push(append);
  }
  return groups;
}
