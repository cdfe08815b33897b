/**
 * The gate between the log and fan-out: lets messages of a topic through in sequence order, once,
 * whoever wrote them. What this node committed, what it moved from the outbox and what it reads all
 * come here; a gap means that another writer was between, and is read from the log.
 */
import type { LogRow } from '../../core/message.js';
import type { LogPage, ReadRange } from '../../log/contract/message-log.js';
import type { PageReads } from '../log/page-reads.js';
import { cutChunks } from '../state/chunk.js';
import type { Topic } from '../state/subscription.js';
import type { Feeder } from './feeder.js';
import { gapEnd } from './gap.js';
import { tellGap } from './notices.js';

/** Rows kept that came before a gap was read; more are read again from the log. */
const AHEAD_ROWS_MAX = 4_096;
const REPAIR_ROWS_MAX = 1_000;
const REPAIR_BYTES_MAX = 1024 * 1024;
/** A head that runs ahead is often our own commit whose answer is on its way. */
const HEAD_GRACE_MS = 10;

export interface CommitGateOptions {
  feeder: Feeder;
  reads: PageReads;
  onRepairFailed: (topic: Topic, error: unknown) => void;
}

export class CommitGate {
  readonly #options: CommitGateOptions;

  constructor(options: CommitGateOptions) {
    this.#options = options;
  }

  /** Consecutive committed rows of one topic, from any source, in any order of calls. */
  accept(topic: Topic, rows: readonly LogRow[]): void {
    const first = rows[0]?.sequence ?? 0;
    const last = rows.at(-1)?.sequence ?? 0;
    if (topic.subscriptions.size === 0) {
      topic.head = Math.max(topic.head, last);
      return;
    }
    if (last <= topic.head) return;
    if (first > topic.head + 1) {
      if (topic.ahead.length < AHEAD_ROWS_MAX) topic.ahead.push(...rows);
      this.#repair(topic, last);
      return;
    }
    this.#advance(topic, first <= topic.head ? rows.slice(topic.head + 1 - first) : rows);
    if (topic.ahead.length > 0) this.#acceptAhead(topic);
  }

  /** The log's head was read as `lastSequence`: what fan-out has not seen by then is read. */
  headSeen(topic: Topic, lastSequence: number): void {
    if (lastSequence <= topic.head) return;
    if (topic.subscriptions.size === 0) {
      topic.head = lastSequence;
      return;
    }
    setTimeout(() => {
      if (topic.subscriptions.size > 0) this.#repair(topic, lastSequence);
    }, HEAD_GRACE_MS);
  }

  #advance(topic: Topic, rows: readonly LogRow[]): void {
    const chunks = cutChunks(rows);
    for (const chunk of chunks) topic.ids.add(chunk.rows);
    topic.cache.append(chunks);
    topic.head = chunks.at(-1)?.last ?? topic.head;
    this.#options.feeder.headMoved(topic);
  }

  #acceptAhead(topic: Topic): void {
    const { ahead } = topic;
    const from = ahead.findIndex((row) => row.sequence > topic.head);
    if (from < 0) {
      topic.ahead = [];
      return;
    }
    if (ahead[from]?.sequence !== topic.head + 1) return;
    let to = from + 1;
    while (to < ahead.length && ahead[to]?.sequence === (ahead[to - 1]?.sequence ?? 0) + 1) to++;
    topic.ahead = ahead.slice(to);
    this.#advance(topic, ahead.slice(from, to));
  }

  #repair(topic: Topic, upTo: number): void {
    if (upTo <= topic.head) return;
    const underWay = topic.repairUpTo > 0;
    topic.repairUpTo = Math.max(topic.repairUpTo, upTo);
    if (!underWay) this.#readNext(topic);
  }

  #readNext(topic: Topic): void {
    let { epoch } = topic;
    this.#options.reads.want({
      range: () => {
        epoch = topic.epoch;
        const range = missingRange(topic);
        if (range === null) topic.repairUpTo = 0;
        return range;
      },
      onPage: (page, range) => {
        if (topic.epoch !== epoch) return 'again';
        this.#repaired(topic, range, page);
        return 'taken';
      },
      onFailed: (error) => this.#options.onRepairFailed(topic, error),
    });
  }

  #repaired(topic: Topic, range: ReadRange, page: LogPage): void {
    topic.counts.gapsRepaired++;
    const missingUpTo = gapEnd(range, page);
    if (missingUpTo > topic.head) this.#skip(topic, missingUpTo);
    if (page.rows.length > 0) this.accept(topic, page.rows);
    else if (missingUpTo < range.fromSequence) topic.repairUpTo = 0;
    this.#readNext(topic);
  }

  /** Retention took what was missing before it was read: everybody is told. */
  #skip(topic: Topic, upTo: number): void {
    for (const subscription of topic.subscriptions.values()) {
      if (subscription.delivered < upTo) tellGap(subscription, upTo);
    }
    for (const group of topic.groups) group.cursor = Math.max(group.cursor, upTo);
    topic.cache.clear();
    topic.head = upTo;
  }
}

/** Null: nothing is missing, or nobody is there who would miss it. */
function missingRange({ id, head, repairUpTo, subscriptions }: Topic): ReadRange | null {
  if (head >= repairUpTo || subscriptions.size === 0) return null;
  const range = { topicId: id, fromSequence: head + 1, toSequence: repairUpTo };
  return { ...range, rowsMax: REPAIR_ROWS_MAX, bytesMax: REPAIR_BYTES_MAX, order: 'asc' };
}
