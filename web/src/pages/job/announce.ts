import type { Job } from '../../api/types';
import { percent } from '../../components/segments';

/** What was last said of a job, and when. */
export type Said = { status: Job['status']; progress: number | null; isSilent: boolean; at: number };

/** Progress is not worth another word before this. */
const PAUSE = 20_000;
const STEP = 0.1;

const STATUSES: Record<Job['status'], string> = {
  pending: 'The job is pending',
  running: 'The job is running',
  completed: 'The job is completed',
  error: 'The job has an error',
};

/** What to say aloud of a job as it is now: a new status and silence at once, progress now and then, else nothing. */
export function announcement(said: Said, job: Job, now: number): string | null {
  const progress = job.progress === null ? '' : percent(job.progress);
  if (job.status !== said.status) {
    return [STATUSES[job.status], ...(job.status === 'running' && progress ? [progress] : [])].join(', ');
  }
  if (job.silent_since !== null) {
    return said.isSilent ? null : 'The job is silent: nothing has come for longer than usual';
  }
  if (said.isSilent) {
    return ['The job goes on', ...(progress ? [progress] : [])].join(', ');
  }
  const moved = (job.progress ?? 0) - (said.progress ?? 0);
  return job.status === 'running' && moved >= STEP - 1e-9 && now - said.at >= PAUSE ? `${progress} done` : null;
}
