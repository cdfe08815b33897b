/** One worker's part of a redrive job. */

export type JobState = 'running' | 'done' | 'cancelled' | 'failed';

export interface RedriveJob {
  state: JobState;
  /** Given back. */
  done: number;
  /** Matched when it began. */
  total: number;
  /**
   * Matched, but their subscription is gone or has yet to come to the message, or they are not dead
   * letters any more.
   */
  failed: number;
}

/** What a job finds at one worker. */
export interface RedriveMatch {
  matched: number;
  /** Matched, but nobody is there to take them. */
  gone: number;
}
