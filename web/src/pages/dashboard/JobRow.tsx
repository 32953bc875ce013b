import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { JobListItem } from '../../api/types';
import { StatusShape } from '../../components/Status';
import classes from './JobRow.module.css';

/** A job in a short list: its name, what is said of it, and its bar or its trouble. */
export function JobRow({ job, aside, children }: { job: JobListItem; aside: ReactNode; children: ReactNode }) {
  return (
    <li className={classes.row}>
      <div className={classes.line}>
        <StatusShape status={job.status} />
        <Link to="/jobs/$jobId" params={{ jobId: job.id }} className={classes.name}>
          {job.provider_job_name}
        </Link>
        <span className={classes.id}>{job.provider_job_id}</span>
        <span className={classes.aside}>{aside}</span>
      </div>
      {children}
    </li>
  );
}

export function JobRows({ children }: { children: ReactNode }) {
  return <ul className={classes.rows}>{children}</ul>;
}
