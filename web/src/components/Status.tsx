import type { JobStatus, StepStatus } from '../api/types';
import classes from './Status.module.css';

const WORDS: Record<JobStatus | StepStatus, string> = {
  pending: 'Pending',
  running: 'Running',
  completed: 'Completed',
  finished: 'Finished',
  error: 'Error',
  skipped: 'Skipped',
};

export function statusWord(status: JobStatus | StepStatus): string {
  return WORDS[status];
}

/** A status: a colour, a shape and a word. In a list the word of what is completed is said quietly. */
export function Status({ status, isListed }: { status: JobStatus | StepStatus; isListed?: boolean }) {
  return (
    <span className={classes.status} data-status={status} data-listed={isListed}>
      <StatusShape status={status} />
      {WORDS[status]}
    </span>
  );
}

/** The shape alone, where the word stands beside it already. */
export function StatusShape({ status }: { status: JobStatus | StepStatus }) {
  return (
    <svg className={classes.shape} data-status={status} viewBox="0 0 16 16" aria-hidden="true">
      {statusShape(status)}
    </svg>
  );
}

/** What a shape consists of, on a field of 16 by 16. */
export function statusShape(status: JobStatus | StepStatus) {
  switch (status) {
    case 'pending':
      return <circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" strokeWidth="2" />;
    case 'running':
      return (
        <>
          <circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" strokeWidth="2" />
          <path d="M8 2.5a5.5 5.5 0 0 1 0 11z" fill="currentColor" />
        </>
      );
    case 'completed':
    case 'finished':
      return (
        <>
          <circle cx="8" cy="8" r="6.5" fill="currentColor" />
          <path d="M5 8.3l2.1 2.1L11.2 6" fill="none" stroke="var(--panel)" strokeWidth="1.8" />
        </>
      );
    case 'error':
      return (
        <>
          <path d="M8 1.2 15 14.3H1z" fill="currentColor" />
          <path d="M8 6v4.2M8 11.3v1.6" stroke="var(--panel)" strokeWidth="1.7" />
        </>
      );
    case 'skipped':
      return (
        <>
          <circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" strokeWidth="1.6" strokeDasharray="2 2" />
          <path d="M5 8h6" stroke="currentColor" strokeWidth="1.6" />
        </>
      );
  }
}
