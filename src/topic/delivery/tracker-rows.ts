/**
 * The rows of what is given one by one: those of entries that are ready, and those that follow. Most are in
 * the hot cache; what is not is read from the log, one read of a tracker under way at a time, and kept with
 * it until it is given.
 */
import type { Entry } from '../../core/cursor-entry.js';
import type { LogRow } from '../../core/message.js';
import { rangesOf } from '../../core/sequence-ranges.js';
import type { LogPage, ReadRange } from '../../log/contract/message-log.js';
import type { PageOutcome, PageReads } from '../log/page-reads.js';
import { CHUNK_BYTES_MAX } from '../state/chunk.js';
import type { Tracker } from '../state/subscription.js';
import { tellMissing, tellTrackerGap } from './notices.js';

/** Entries looked at, and rows of a read. */
export const READY_MAX = 256;

export interface TrackerRowsOptions {
  reads: PageReads;
  /** Copies of redriven messages that the log no longer has. */
  redrivenRows: (tracker: Tracker, sequences: readonly number[]) => Promise<LogRow[]>;
  onReadFailed: (tracker: Tracker, error: unknown) => void;
  /** No read of it is under way any more. */
  onRead: (tracker: Tracker) => void;
}

/** A read of the log for one tracker. */
interface TrackerRead {
  /** First and last sequence, as they are wanted now; null: nothing is missing any more. */
  span: () => [number, number] | null;
  onPage: (page: LogPage, range: ReadRange) => Promise<PageOutcome>;
}

export class TrackerRows {
  readonly #options: TrackerRowsOptions;

  constructor(options: TrackerRowsOptions) {
    this.#options = options;
  }

  /** Reads rows of ready entries, from the first that is missing on. */
  readReady(tracker: Tracker): void {
    if (unread(tracker).length === 0) return;
    let wanted: readonly Entry[] = [];
    this.#read(tracker, {
      span: () => {
        wanted = unread(tracker);
        const [first] = wanted;
        return first === undefined ? null : [first.sequence, wanted.at(-1)?.sequence ?? 0];
      },
      onPage: async (page, range) => {
        await this.#recover(tracker, takeRows(tracker, wanted, { page, range }));
        return 'taken';
      },
    });
  }

  /** Reads what follows the last that was given. */
  readNew(tracker: Tracker): void {
    this.#read(tracker, {
      span: () => {
        const from = tracker.cursor.delivered + 1;
        const to = Math.min(tracker.topic.head, from + READY_MAX - 1);
        return from > to ? null : [from, to];
      },
      onPage: async (page, { fromSequence: from, toSequence: to }) => {
        const first = page.rows[0]?.sequence ?? Math.min(to, page.lastSequence) + 1;
        if (first > from) tellTrackerGap(tracker, first - 1);
        tracker.ahead = page.rows;
        return first > from || page.rows.length > 0 ? 'taken' : 'again';
      },
    });
  }

  /** What the log no longer has is told as a gap, save for redriven ones: they have a copy. */
  async #recover(tracker: Tracker, gone: readonly Entry[]): Promise<void> {
    const redriven = gone.filter((entry) => entry.redriven).map((entry) => entry.sequence);
    const rows = redriven.length === 0 ? [] : await this.#options.redrivenRows(tracker, redriven);
    for (const row of rows) tracker.rows.set(row.sequence, row);
    const missing: number[] = [];
    for (const entry of gone) {
      if (entry.state === 'gone' || tracker.rows.has(entry.sequence)) continue;
      tracker.cursor.skip(entry.sequence);
      missing.push(entry.sequence);
    }
    for (const [from, to] of rangesOf(missing)) {
      const gap = { from, to, reason: 'retention' as const };
      for (const one of tracker.subscriptions) tellMissing(one, gap);
    }
  }

  #read(tracker: Tracker, { span, onPage }: TrackerRead): void {
    const { topic } = tracker;
    let epoch = topic.epoch;
    tracker.reading = true;
    this.#options.reads.want({
      range: () => {
        epoch = topic.epoch;
        const wanted = isFed(tracker) ? span() : null;
        if (wanted !== null) return rangeOf(tracker, wanted);
        this.#ended(tracker);
        return null;
      },
      onPage: async (page, range) => {
        if (topic.epoch !== epoch) return 'again';
        const outcome = tracker.state === 'ended' ? 'taken' : await onPage(page, range);
        if (outcome === 'taken') this.#ended(tracker);
        return outcome;
      },
      onFailed: (error) => this.#options.onReadFailed(tracker, error),
    });
  }

  #ended(tracker: Tracker): void {
    tracker.reading = false;
    this.#options.onRead(tracker);
  }
}

/** Its sessions are given messages, and there are some. */
export function isFed({ state, subscriptions, topic, mayDispatch }: Tracker): boolean {
  return state === 'fed' && subscriptions.size > 0 && mayDispatch(topic);
}

/** Rows that follow what was delivered; null: they must be read. */
export function nextRows(tracker: Tracker): readonly LogRow[] | null {
  const next = tracker.cursor.delivered + 1;
  const chunk = tracker.topic.cache.find(next);
  if (chunk !== undefined) return chunk.rows.slice(next - chunk.first);
  const at = tracker.ahead.findIndex((row) => row.sequence === next);
  tracker.ahead = at < 0 ? [] : tracker.ahead.slice(at);
  return at < 0 ? null : tracker.ahead;
}

/** Ready entries whose rows one read may bring. */
function unread(tracker: Tracker): Entry[] {
  const entries = tracker.cursor.readyEntries(READY_MAX);
  const missing = entries.filter(({ sequence }) => tracker.rowOf(sequence) === undefined);
  const from = missing[0]?.sequence ?? 0;
  return missing.filter(({ sequence }) => sequence < from + READY_MAX);
}

/** Keeps the rows of `wanted` that were read; those that are not in the log any more are answered. */
function takeRows(
  tracker: Tracker,
  wanted: readonly Entry[],
  { page, range }: { page: LogPage; range: ReadRange },
): Entry[] {
  const { fromSequence: from, toSequence: to } = range;
  // A page may end before its range does.
  const readUpTo = page.rows.length === 0 ? to : Math.max(from, page.rows.at(-1)?.sequence ?? to);
  const rows = new Map(page.rows.map((row) => [row.sequence, row]));
  const gone: Entry[] = [];
  for (const entry of wanted) {
    const row = rows.get(entry.sequence);
    if (row !== undefined) tracker.rows.set(entry.sequence, row);
    else if (entry.sequence <= Math.max(readUpTo, page.firstSequence - 1)) gone.push(entry);
  }
  return gone;
}

function rangeOf({ topic }: Tracker, [fromSequence, toSequence]: [number, number]): ReadRange {
  const range = { topicId: topic.id, fromSequence, toSequence };
  return { ...range, rowsMax: READY_MAX, bytesMax: CHUNK_BYTES_MAX, order: 'asc' };
}
