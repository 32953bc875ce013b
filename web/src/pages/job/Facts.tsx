import { Anchor } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Job } from '../../api/types';
import { Id } from '../../components/Copy';
import { Duration, Time } from '../../components/Time';
import classes from './Facts.module.css';

/** When it was, and whose it is. */
export function Facts({
  job,
  failedAt,
  isProvider,
}: {
  job: Job;
  failedAt: string | undefined;
  isProvider: boolean;
}) {
  const end = job.status === 'error' ? (failedAt ?? job.last_event_at) : job.finished_at;
  return (
    <dl className={classes.facts}>
      <Fact name="Started">
        <Time at={job.started_at} fallback="not yet" />
      </Fact>
      <Fact name={end === null ? 'Last news' : job.status === 'error' ? 'Failed' : 'Finished'}>
        <Time at={end ?? job.last_event_at} fallback="none yet" />
      </Fact>
      <Fact name={job.status === 'running' ? 'Running for' : 'Duration'}>
        <Duration from={job.started_at} to={end} />
      </Fact>
      {isProvider ? (
        <Fact name="Customer">{job.customer_email ?? <span className="quiet">nobody</span>}</Fact>
      ) : (
        <Fact name="Provider">{job.provider_name}</Fact>
      )}
    </dl>
  );
}

/** Which job it is, for programs and for those who ask about it. */
export function Names({ job, isProvider }: { job: Job; isProvider: boolean }) {
  return (
    <dl className={classes.facts}>
      <Fact name="Kind of job">
        {isProvider ? (
          <Anchor
            className="mono"
            inherit
            renderRoot={props => (
              <Link
                {...props}
                to="/configurations/$tag"
                params={{ tag: job.tag }}
                search={{ version: job.version }}
              />
            )}
          >
            {job.tag} {job.version}
          </Anchor>
        ) : (
          <span className="mono">
            {job.tag} {job.version}
          </span>
        )}
      </Fact>
      <Fact name={isProvider ? 'Your id' : 'Their id'}>
        <Id value={job.provider_job_id} label={isProvider ? 'Copy your id of the job' : 'Copy the provider’s id'} />
      </Fact>
      <Fact name="Job id" isWide>
        <Id value={job.id} label="Copy the job id" />
      </Fact>
    </dl>
  );
}

function Fact({ name, isWide = false, children }: { name: string; isWide?: boolean; children: ReactNode }) {
  return (
    <div className={classes.fact} data-wide={isWide || undefined}>
      <dt>{name}</dt>
      <dd className="breakable">{children}</dd>
    </div>
  );
}
