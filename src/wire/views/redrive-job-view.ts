/** Redrive jobs as clients see them. */
import type { RedriveJob } from '../../core/redrive-job.js';
import type * as schemas from '../schemas/dead-letters.js';
import type { View } from '../schemas/kinds.js';

export type StartedJobView = View<typeof schemas.JOB_STARTED>;
export type RedriveJobView = View<typeof schemas.JOB>;

/** `matched`: so many dead letters it will go through. */
export function startedJobView(started: { job: string; matched: number }): StartedJobView {
  return { job_id: started.job, matched: started.matched };
}

export function redriveJobView(job_id: string, job: RedriveJob): RedriveJobView {
  const { state, done, total, failed } = job;
  return { job_id, state, done, total, failed };
}
