// biome-ignore-all lint/a11y/useSemanticElements: rows of a real table cannot be placed by themselves, and lose their roles
// biome-ignore-all lint/a11y/useFocusableInteractive: rows and cells of a table that is only read take no focus
// biome-ignore-all lint/a11y/useKeyWithClickEvents: the link within a row takes the keyboard
import { Link } from '@tanstack/react-router';
import { memo } from 'react';
import type { JobListItem } from '../../api/types';
import { SegmentedBar } from '../../components/SegmentedBar';
import { Silence } from '../../components/Silence';
import { Status } from '../../components/Status';
import { currentStep, percent } from '../../components/segments';
import { Duration, Time } from '../../components/Time';
import classes from './JobTable.module.css';
import { useRowLink } from './useRowLink';

type Props = { job: JobListItem; index: number; top: number; height: number; isProvider: boolean };

const NO_STEPS: [] = [];

/** A job in the table. All of the row is one link. */
export const JobRow = memo(function JobRow({ job, index, top, height, isProvider }: Props) {
  const rowLink = useRowLink();
  const other = isProvider ? job.customer_email : job.provider_name;
  return (
    <div
      role="row"
      className={classes.row}
      aria-rowindex={index + 2}
      data-status={job.status}
      style={{ height, transform: `translateY(${top}px)` }}
      {...rowLink}
    >
      <div role="cell">
        <Status status={job.status} isListed />
        <Silence since={job.silent_since} />
      </div>
      <div role="cell">
        <Link to="/jobs/$jobId" params={{ jobId: job.id }} className={classes.link} title={job.provider_job_name}>
          {job.provider_job_name}
        </Link>
        <div className={classes.second}>
          <span className="mono" title={job.provider_job_id}>
            {job.provider_job_id}
          </span>
        </div>
      </div>
      <div role="cell" className={classes.progress}>
        <div className={classes.bar}>
          <SegmentedBar steps={job.steps ?? NO_STEPS} progress={job.progress} status={job.status} />
          <span className={classes.percent}>{job.progress !== null && percent(job.progress)}</span>
        </div>
        <div className={classes.second}>
          <StepNow job={job} />
        </div>
      </div>
      <div role="cell">
        <Time at={job.last_event_at} />
      </div>
      <div role="cell" className={classes.opened}>
        <Time at={job.created_at} />
      </div>
      <div role="cell" className={classes.started}>
        <Time at={job.started_at} />
      </div>
      <div role="cell" className={classes.finished}>
        <Time at={job.finished_at} />
      </div>
      <div role="cell">
        <JobDuration job={job} />
      </div>
      <div role="cell">
        <div className={classes.cut} title={other ?? undefined}>
          {other ?? <span className="quiet">Nobody</span>}
        </div>
        <div className={classes.second}>
          <span title={`${job.tag} ${job.version}`}>
            {job.tag} {job.version}
          </span>
        </div>
      </div>
    </div>
  );
});

/** What is being done, what failed, or what comes next. */
export function StepNow({ job }: { job: JobListItem }) {
  const steps = job.steps ?? NO_STEPS;
  const step = currentStep(steps);
  if (job.status === 'completed' || step === null) {
    const finished = steps.filter(({ status }) => status === 'finished').length;
    return steps.length === 0 ? 'No steps' : `${finished} of ${steps.length} steps finished`;
  }
  const words = { error: 'Failed: ', running: '', pending: 'Next: ', finished: '', skipped: '' };
  return (
    <span className={step.status === 'error' ? classes.failed : undefined} title={step.name}>
      {words[step.status]}
      {step.name}
    </span>
  );
}

/** How long the job took, or has taken so far; one that failed has taken until its last news. */
export function JobDuration({ job }: { job: JobListItem }) {
  const end = job.finished_at ?? (job.status === 'error' ? job.last_event_at : null);
  return <Duration from={job.started_at} to={end} />;
}
