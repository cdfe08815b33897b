/**
 * Rows of the log on their way to sessions that page: asked for in order, and read ahead while the last
 * page is on its way to the socket, for as many sessions as memory is set aside for.
 */
import type { LogRow } from '../../core/message.js';
import type { LogPage } from '../../log/contract/message-log.js';
import type { RowsAhead, Subscription, Topic } from '../state/subscription.js';

/** Rows of one read: a round trip each, so larger than a chunk. */
export const PAGE_ROWS_MAX = 1_000;
/** Sessions read ahead for at a time; a read holds at most 256 KiB. */
const READ_AHEAD_MAX = 32;

/** A page of a topic for whoever is fed from it. */
export interface FeedPage {
  topic: Topic;
  from: number;
  rowsMax: number;
  /** It is read until it is there, or this is false. */
  isWanted: () => boolean;
  /** `missingUpTo`: see gap.ts; from - 1 when nothing is missing. */
  onPage: (page: LogPage, missingUpTo: number) => void;
}

export interface PagerOptions {
  readPage: (page: FeedPage) => void;
  /** What was asked for is there to be taken. */
  onArrived: (subscription: Subscription) => void;
}

export class Pager {
  readonly #options: PagerOptions;
  readonly #readAhead = new Set<Subscription>();

  constructor(options: PagerOptions) {
    this.#options = options;
  }

  /**
   * The rows that follow what the session was sent, as many as its window admits; null: they are being
   * read. Without rows: see `missingUpTo`.
   */
  take(subscription: Subscription): { rows: readonly LogRow[]; missingUpTo: number } | null {
    const from = subscription.delivered + 1;
    const { ahead, room } = subscription;
    if (ahead?.from !== from) {
      this.#read(subscription, from, Math.min(PAGE_ROWS_MAX, room));
      return null;
    }
    const { rows, missingUpTo } = ahead;
    if (rows === null) return null;
    if (rows.length <= room) {
      subscription.ahead = null;
      return { rows, missingUpTo };
    }
    const next = (rows[room - 1]?.sequence ?? 0) + 1;
    subscription.ahead = { from: next, rows: rows.slice(room), missingUpTo: next - 1 };
    return { rows: rows.slice(0, room), missingUpTo };
  }

  /** Reads what the session will need after what it was just sent. */
  readAhead(subscription: Subscription): void {
    const { topic, delivered, ahead } = subscription;
    if (ahead !== null || delivered >= topic.head) return;
    if (topic.cache.find(delivered + 1) !== undefined) return;
    if (this.#readAhead.size >= READ_AHEAD_MAX) this.#forgetIdle();
    if (this.#readAhead.size >= READ_AHEAD_MAX) return;
    this.#readAhead.add(subscription);
    this.#read(subscription, delivered + 1, PAGE_ROWS_MAX);
  }

  #forgetIdle(): void {
    for (const one of this.#readAhead) {
      if (one.ahead === null || one.state === 'ended') this.#readAhead.delete(one);
    }
  }

  #read(subscription: Subscription, from: number, rowsMax: number): void {
    const asked: RowsAhead = { from, rows: null, missingUpTo: from - 1 };
    subscription.ahead = asked;
    // Another read may have been asked for since.
    const isWanted = (): boolean => subscription.ahead === asked && subscription.state !== 'ended';
    const { topic } = subscription;
    this.#options.readPage({
      ...{ topic, from, rowsMax, isWanted },
      onPage: ({ rows }, missingUpTo) => {
        if (!isWanted()) return;
        subscription.ahead = { from, rows, missingUpTo };
        this.#options.onArrived(subscription);
      },
    });
  }
}
