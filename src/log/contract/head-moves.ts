/** Whether the heads of a log can have moved, without looking at any: what MessageLog.headMoves answers. */

/** What the log has counted of moves of heads, and of topics that went. */
export interface HeadMoves {
  readonly count: string;
  /** Whoever has counted by then has a transaction with a number below this; null: not known. */
  readonly before: string | null;
  /** All of them had ended before this was asked: nothing moves as long as the count stays. */
  readonly isSettled: boolean;
}

/** Of a log that does not count. */
export const UNCOUNTED: HeadMoves = { count: '', before: null, isSettled: false };
