/** What every measurement is given. */
import type { Running } from './contender.js';

/** Seconds of one measurement. */
export interface MeasuringTimes {
  warmup: number;
  duration: number;
}

/** A server under load, and the load generator's target in it. */
export interface MeasuredServer {
  target: string;
  processes: Running['processes'];
  /** Null: its messages are in no database. */
  database: string | null;
}
