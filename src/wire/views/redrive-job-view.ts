/** Redrive jobs as clients see them. */
import type { JobState, RedriveJob } from '../../core/redrive-job.js';

export interface StartedJobView {
  job_id: string;
  matched: number;
}

export interface RedriveJobView {
  job_id: string;
  state: JobState;
  done: number;
  total: number;
  failed: number;
}

/** `matched`: so many dead letters it will go through. */
export function startedJobView(job_id: string, matched: number): StartedJobView {
  return { job_id, matched };
}

export function redriveJobView(job_id: string, job: RedriveJob): RedriveJobView {
  const { state, done, total, failed } = job;
  return { job_id, state, done, total, failed };
}
