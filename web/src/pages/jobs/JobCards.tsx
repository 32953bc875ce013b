import { Link } from '@tanstack/react-router';
import { memo, useRef } from 'react';
import type { JobListItem } from '../../api/types';
import { SegmentedBar } from '../../components/SegmentedBar';
import { Silence } from '../../components/Silence';
import { Status } from '../../components/Status';
import { percent } from '../../components/segments';
import { Time } from '../../components/Time';
import classes from './JobCards.module.css';
import { JobDuration, StepNow } from './JobRow';
import { useRowLink } from './useRowLink';
import { useWindowRows } from './useWindowRows';

const CARD_REM = 8;

type Props = { rows: JobListItem[]; isComplete: boolean; isProvider: boolean; onRange: (last: number) => void };

/** The jobs where a table has no room. */
export function JobCards({ rows, isComplete, isProvider, onRange }: Props) {
  const body = useRef<HTMLUListElement>(null);
  const { items, height, size } = useWindowRows({ rows, rem: CARD_REM, body, onRange });
  return (
    <ul ref={body} className={classes.cards} style={{ height }} aria-label="Jobs">
      {items.map(({ job, index, top }) => (
        <li
          key={job.id}
          className={classes.place}
          style={{ height: size, transform: `translateY(${top}px)` }}
          aria-posinset={index + 1}
          aria-setsize={isComplete ? rows.length : -1}
        >
          <JobCard job={job} isProvider={isProvider} />
        </li>
      ))}
    </ul>
  );
}

const NO_STEPS: [] = [];

const JobCard = memo(function JobCard({ job, isProvider }: { job: JobListItem; isProvider: boolean }) {
  const rowLink = useRowLink();
  const other = isProvider ? job.customer_email : job.provider_name;
  return (
    <div className={classes.card} data-status={job.status} {...rowLink}>
      <div className={classes.line}>
        <Link to="/jobs/$jobId" params={{ jobId: job.id }} className={classes.link}>
          {job.provider_job_name}
        </Link>
      </div>
      <div className={classes.line}>
        <SegmentedBar steps={job.steps ?? NO_STEPS} progress={job.progress} status={job.status} />
        <span className={classes.percent}>{job.progress !== null && percent(job.progress)}</span>
      </div>
      <div className={classes.line}>
        <span className={classes.state}>
          <Status status={job.status} isListed />
          <Silence since={job.silent_since} />
          {job.status !== 'completed' && (
            <span className={classes.cut}>
              <StepNow job={job} />
            </span>
          )}
        </span>
        <span className={classes.fixed}>
          <JobDuration job={job} />
        </span>
      </div>
      <div className={`${classes.line} quiet`}>
        <span className={classes.cut}>
          <span className="mono">{job.provider_job_id}</span>
          {other !== null && ` · ${other}`}
        </span>
        <span className={classes.fixed}>
          <Time at={job.last_event_at ?? job.created_at} />
        </span>
      </div>
    </div>
  );
});
