/** What a log says of itself: its state, what of it has to move by itself, and totals. */

/** `full`, `locked`: appends are tried, and refused for want of room on the database's disk, or of a lock. */
export type LogState =
  | 'connecting'
  | 'open'
  | 'read_only'
  | 'full'
  /** Somebody has a lock on a table of the log that an append needs. */
  | 'locked'
  /** A part of the schema is missing. */
  | 'incomplete'
  /** The role may not use it. */
  | 'denied'
  | 'lost'
  | 'closed';

/** One database of the log. */
export interface DatabaseState {
  state: LogState;
  /** Null: nothing has to move by itself. */
  vitals: LogVitals | null;
  /** Null: in memory there is none. */
  use: DatabaseUse | null;
}

/** What one worker does with one database; counts since the start. */
export interface DatabaseUse {
  /** Append transactions that were committed, and what they took together. */
  commits: number;
  commitSeconds: number;
  /** Those that failed, or whose commit was not answered. */
  errors: number;
  /** Messages that wait for a transaction. */
  queued: number;
  /** Sessions of its pool, for all but appends; and queries that wait for one. */
  poolSessions: number;
  poolWaiting: number;
}

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
  /** Of those who look, the first worker of a node; null: none is older than SNAPSHOT_WARN_S. */
  snapshot: HeldSnapshot | null;
  /** Whether news of other writers comes at once; else they are found by looking. */
  listening: 'yes' | 'no' | 'off';
}

/** The oldest in the database: it keeps dead rows from being removed, and days of the log from going. */
export interface HeldSnapshot {
  kind: 'session' | 'prepared transaction' | 'replication slot';
  /** Of its session; null: it has none. */
  pid: number | null;
  /** application_name, or that of the slot or prepared transaction: any text. */
  name: string;
  ageMs: number;
  /** Of all tables of the log, as the statistics have them. */
  deadRows: number;
  /** Days past retention that it is in the way of, by their tables. */
  leaves: string[];
}

/** Nobody looks for more: a database is asked for this while a dashboard is open. */
export const DEAD_LETTERS_COUNTED = 10_000;

/** Of the shared database; in memory each worker counts its own topics. */
export interface LogTotals {
  topics: number;
  /** Messages ever committed to living topics. */
  messages: number;
  /** Of the payloads that living topics keep, about. */
  bytes: number;
  deferred: number;
  /** Dead letters that are kept and were not given back; DEAD_LETTERS_COUNTED stands for more, too. */
  deadLetters: number;
  /** Dead letters that gave way to newer ones, since the start; in a database none does. */
  deadLettersEvicted: number;
}
