/**
 * The gate between the log and fan-out: lets messages of a topic through in sequence order, once,
 * whoever wrote them. What this node committed, what it moved from the outbox, what other nodes say they
 * committed and what it reads all come here; a gap means that another writer was between: where the others
 * tell what they commit it may come by itself in a moment, and else it is read from the log.
 */
import type { LogRow } from '../../core/message.js';
import type { LogPage, ReadRange } from '../../log/contract/message-log.js';
import type { PageReads } from '../log/page-reads.js';
import { cutChunks } from '../state/chunk.js';
import type { Topic } from '../state/subscription.js';
import type { Feeder } from './feeder.js';
import { gapEnd } from './gap.js';
import { tellGap } from './notices.js';

const REPAIR_ROWS_MAX = 1_000;
const REPAIR_BYTES_MAX = 1024 * 1024;
/** A head that runs ahead is often our own commit whose answer is on its way. */
const HEAD_GRACE_MS = 10;
/** What another node wrote between may be on its way as well. */
const GAP_GRACE_MS = 5;

export interface OtherNodes {
  /** Whether they tell what they commit, now. */
  tell: () => boolean;
  /** The head of the topic is to be read from the log. */
  doubt: (topic: Topic) => void;
}

export interface CommitGateOptions {
  feeder: Feeder;
  reads: PageReads;
  /** Null: they tell nothing. */
  others: OtherNodes | null;
  onRepairFailed: (topic: Topic, error: unknown) => void;
}

export class CommitGate {
  readonly #options: CommitGateOptions;
  /** Topics that will be read in a moment, and up to where after that; 0: no further. */
  readonly #waits = new Map<Topic, number>();
  /** Topics with a gap that another node told of, and behind which message it is. */
  readonly #gaps = new Map<Topic, number>();

  constructor(options: CommitGateOptions) {
    this.#options = options;
  }

  /** Consecutive committed rows of one topic, of the log, in any order of calls. */
  accept(topic: Topic, rows: readonly LogRow[]): void {
    const last = rows.at(-1)?.sequence ?? 0;
    if (topic.subscriptions.size === 0) {
      topic.head = Math.max(topic.head, last);
      return;
    }
    if (this.#take(topic, rows) === 'taken') return;
    if (this.#options.others?.tell() === true) this.#repairSoon(topic, last, GAP_GRACE_MS);
    else this.#repair(topic, last);
  }

  /**
   * The same as another node tells it. Where the log's head is, it does not prove: a gap that does not
   * close by itself is measured by the log.
   */
  told(topic: Topic, rows: readonly LogRow[]): void {
    if (topic.subscriptions.size === 0) return;
    const taken = this.#take(topic, rows);
    // What was not kept leaves no gap to be seen: the log is asked at once.
    if (taken === 'full') this.#options.others?.doubt(topic);
    if (taken === 'gap' && !this.#gaps.has(topic)) this.#watchGap(topic);
  }

  /** The log's head was read as `lastSequence`: what fan-out has not seen by then is read. */
  headSeen(topic: Topic, lastSequence: number): void {
    if (lastSequence <= topic.head) return;
    if (topic.subscriptions.size === 0) {
      topic.head = lastSequence;
      return;
    }
    this.#repairSoon(topic, lastSequence, HEAD_GRACE_MS);
  }

  /** It has closed when the head moved; then there may be another. */
  #watchGap(topic: Topic): void {
    this.#gaps.set(topic, topic.head);
    setTimeout(() => {
      const isOpen = this.#gaps.get(topic) === topic.head;
      this.#gaps.delete(topic);
      if (topic.ahead.size === 0) return;
      if (isOpen) this.#options.others?.doubt(topic);
      else this.#watchGap(topic);
    }, GAP_GRACE_MS);
  }

  /** One wait of a topic at a time: what is seen meanwhile has a wait of its own after it. */
  #repairSoon(topic: Topic, upTo: number, graceMs: number): void {
    const later = this.#waits.get(topic);
    this.#waits.set(topic, later === undefined ? 0 : Math.max(later, upTo));
    if (later !== undefined) return;
    setTimeout(() => {
      const next = this.#waits.get(topic) ?? 0;
      this.#waits.delete(topic);
      if (topic.subscriptions.size === 0) return;
      this.#repair(topic, upTo);
      if (next > Math.max(topic.head, upTo)) this.#repairSoon(topic, next, graceMs);
    }, graceMs);
  }

  /** Lets through what is next; keeps what is further. */
  #take(topic: Topic, rows: readonly LogRow[]): 'gap' | 'full' | 'taken' {
    const first = rows[0]?.sequence ?? 0;
    if ((rows.at(-1)?.sequence ?? 0) <= topic.head) return 'taken';
    if (first > topic.head + 1) {
      return topic.ahead.add(rows) === 'full' ? 'full' : 'gap';
    }
    this.#advance(topic, first <= topic.head ? rows.slice(topic.head + 1 - first) : rows);
    if (topic.ahead.size === 0) return 'taken';
    const next = topic.ahead.takeAfter(topic.head);
    if (next.length > 0) this.#advance(topic, next);
    return 'taken';
  }

  #advance(topic: Topic, rows: readonly LogRow[]): void {
    const chunks = cutChunks(rows);
    for (const chunk of chunks) topic.ids.add(chunk.rows);
    topic.cache.append(chunks);
    topic.head = chunks.at(-1)?.last ?? topic.head;
    this.#options.feeder.headMoved(topic);
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
