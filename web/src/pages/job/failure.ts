import type { Event, Job, JobStep } from '../../api/types';

/** What a provider needs to tell others, or themselves, of a failure: plain text, to be copied. */
export function failureReport(job: Job, step: JobStep | null, error: Event | undefined): string {
  const lines: [string, string | null | undefined][] = [
    ['Job', job.provider_job_name],
    ['Own id', job.provider_job_id],
    ['Job id', job.id],
    ['Configuration', `${job.tag} ${job.version}`],
    ['Step', step && `${step.name} (${step.tag})`],
    ['Attempts', step && String(step.attempts)],
    ['Error', error?.name],
    ['Occurred at', error?.occurred_at],
    ['Event', error && `${error.id}, sequence ${error.sequence}`],
    ['Metadata', error?.event_metadata && JSON.stringify(error.event_metadata)],
  ];
  return lines
    .filter(([, value]) => value !== null && value !== undefined && value !== '')
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n');
}
