import type { Event, Job } from '../../api/types';

/** More of them than this are counted instead of named. */
const MOST_NAMED = 2;

/** Jobs that have ended well or ill since the last announcement. */
export type Endings = Map<string, { name: string; status: 'completed' | 'error' }>;

/** Notes what is worth being told: that a job is done, or that something failed. */
export function noteEnding(endings: Endings, event: Event, job: Job): void {
  const isEnding = event.kind === 'error' || event.kind === 'complete' || event.kind === 'step';
  if (isEnding && (job.status === 'completed' || job.status === 'error')) {
    endings.set(job.id, { name: `${job.provider_job_name} (${job.provider_job_id})`, status: job.status });
  } else {
    endings.delete(job.id);
  }
}

/** What a screen reader says of it. */
export function announcement(endings: Endings): string {
  const of = (status: 'completed' | 'error') => [...endings.values()].filter(ending => ending.status === status);
  const said = (names: { name: string }[], verb: string) =>
    names.length > MOST_NAMED ? [`${names.length} jobs ${verb}.`] : names.map(({ name }) => `${name} ${verb}.`);
  return [...said(of('error'), 'failed'), ...said(of('completed'), 'completed')].join(' ');
}
