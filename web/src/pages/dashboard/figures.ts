import type { JobFilter } from '../../api/queries';

/** What the figures count. */
export type Summary = { since: string; running: number; silent: number; finished: number; in_error: number };

export type Figure = {
  label: string;
  count: number;
  /** How urgent it is; what is zero is not. */
  tone: 'calm' | 'warning' | 'error';
  /** The jobs it counts, as a filter of the list. */
  jobs: JobFilter;
};

/** The figures of the dashboard, each with the list of what it counts. */
export function figures(summary: Summary): Figure[] {
  return [
    { label: 'Running', count: summary.running, tone: 'calm', jobs: { status: ['running'] } },
    {
      label: 'Finished today',
      count: summary.finished,
      tone: 'calm',
      jobs: { status: ['completed'], finished_from: summary.since },
    },
    {
      label: 'In error',
      count: summary.in_error,
      tone: summary.in_error > 0 ? 'error' : 'calm',
      jobs: { status: ['error'] },
    },
    {
      label: 'Silent for longer than usual',
      count: summary.silent,
      tone: summary.silent > 0 ? 'warning' : 'calm',
      jobs: { silent: true },
    },
  ];
}

/** When the day of `now` began, where the browser is. */
export function startOfDay(now: Date): string {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate()).toISOString();
}
