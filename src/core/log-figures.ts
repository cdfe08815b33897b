/** What a log says of itself: its state, what of it has to move by itself, and totals. */

/** `full`: appends are tried, and refused for want of room on the database's disk. */
export type LogState =
  | 'connecting'
  | 'open'
  | 'read_only'
  | 'full'
  /** A part of the schema is missing. */
  | 'incomplete'
  /** The role may not use it. */
  | 'denied'
  | 'lost'
  | 'closed';

/** Since when what has to move by itself does not. Ages are in ms, by the monotonic clock. */
export interface LogVitals {
  /** Since what is due was last looked for. */
  releaseMs: number;
  /** How long the oldest due row of the outbox waits; 0: nothing is due. */
  dueMs: number;
  /** How long nothing due has moved, that row being the oldest; 0: nothing is due. */
  stuckMs: number;
  /** Since upkeep last ran without a fault, here or at another node. */
  upkeepMs: number;
  /** Whether news of other writers comes at once; else they are found by looking. */
  listening: 'yes' | 'no' | 'off';
}

/** Of the shared database; in memory each worker counts its own topics. */
export interface LogTotals {
  topics: number;
  /** Messages ever committed to living topics. */
  messages: number;
  deferred: number;
  /** Dead letters that gave way to newer ones, since the start; in a database none does. */
  deadLettersEvicted: number;
}
