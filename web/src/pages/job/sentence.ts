import type { JobDetail, JobStep } from '../../api/types';
import { counted } from '../../model/number';
import { duration } from '../../model/time';

/** How far a job is, in one plain sentence. */
export function sentence(job: JobDetail, now: Date): string {
  switch (job.status) {
    case 'pending':
      return `Opened ${ago(job.created_at, now)}. Nothing has been reported yet.`;
    case 'running':
      return underWay(job, now);
    case 'completed':
      return completed(job);
    case 'error':
      return failed(job);
  }
}

function underWay(job: JobDetail, now: Date): string {
  if (job.steps.length === 0) {
    return job.started_at === null ? 'Under way.' : `Under way for ${since(job.started_at, now)}.`;
  }
  const running = job.steps.filter(step => step.status === 'running');
  const current = running.at(-1);
  if (current === undefined) {
    const next = job.steps.find(step => step.status === 'pending');
    const done = `${finished(job)} of ${job.steps.length} steps finished`;
    return next === undefined ? `${done}.` : `${done}. Next: ${next.name}.`;
  }
  const parts = [`${place(job, current)}, ${current.name}`];
  if (current.attempts > 1) {
    parts.push(`attempt ${current.attempts}`);
  }
  if (current.started_at !== null) {
    parts.push(`for ${since(current.started_at, now)}`);
  }
  const others = running.length - 1;
  return `${parts.join(', ')}${others > 0 ? `, and ${counted(others, 'other step')} at the same time` : ''}.`;
}

function completed(job: JobDetail): string {
  const took =
    job.started_at === null || job.finished_at === null
      ? 'Completed'
      : `Completed in ${since(job.started_at, new Date(job.finished_at))}`;
  const skipped = job.steps.filter(step => step.status === 'skipped').length;
  if (skipped > 0) {
    return `${took}. ${counted(skipped, 'step')} ${skipped === 1 ? 'was' : 'were'} skipped.`;
  }
  return job.steps.some(step => step.metadata.length > 0) ? `${took}. All results are below.` : `${took}.`;
}

function failed(job: JobDetail): string {
  const step = failedStep(job);
  return step === null ? 'An error was reported.' : `Failed at ${lower(place(job, step))}, ${step.name}.`;
}

/** The step that failed; the last one, if there are several. */
export function failedStep(job: JobDetail): JobStep | null {
  return job.steps.findLast(step => step.status === 'error') ?? null;
}

function place(job: JobDetail, step: JobStep): string {
  return `Step ${job.steps.indexOf(step) + 1} of ${job.steps.length}`;
}

function finished(job: JobDetail): number {
  return job.steps.filter(step => step.status === 'finished').length;
}

function since(at: string, now: Date): string {
  return duration(now.getTime() - new Date(at).getTime());
}

function ago(at: string, now: Date): string {
  const passed = now.getTime() - new Date(at).getTime();
  return passed < 10_000 ? 'just now' : `${duration(passed)} ago`;
}

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
