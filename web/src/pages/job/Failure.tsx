import { Button, CopyButton } from '@mantine/core';
import type { Event, Job, JobDetail, JobStep } from '../../api/types';
import { StatusShape } from '../../components/Status';
import { Time } from '../../components/Time';
import classes from './Failure.module.css';
import { failureReport } from './failure';
import { failedStep } from './sentence';

/** What failed, where and when, and what to do next. */
export function Failure({
  job,
  error,
  isProvider,
}: {
  job: JobDetail;
  error: Event | undefined;
  isProvider: boolean;
}) {
  const step = job.steps.find(known => known.tag === error?.tag) ?? (error?.tag == null ? failedStep(job) : null);
  return (
    <section className={classes.failure} aria-labelledby="failure">
      <h2 id="failure" className={classes.title}>
        <StatusShape status="error" />
        <span className="breakable">{error?.name ?? 'A failure was reported without a reason'}</span>
      </h2>
      <p className={classes.where}>
        {step !== null && (
          <>
            At the step <b>{step.name}</b>
            {step.attempts > 1 && `, after ${step.attempts} attempts`}
            {', '}
          </>
        )}
        <Time at={error?.occurred_at ?? job.last_event_at} />
      </p>
      <p className={classes.next}>
        {isProvider ? <ForProvider step={step} /> : <ForCustomer job={job} />}
        <CopyButton value={failureReport(job, step, error)} timeout={1500}>
          {({ copied, copy }) => (
            <Button variant="default" size="compact-sm" onClick={copy}>
              {copied ? 'Copied' : 'Copy the details'}
            </Button>
          )}
        </CopyButton>
      </p>
    </section>
  );
}

function ForCustomer({ job }: { job: Job }) {
  return (
    <span>
      You need not do anything on this page: {job.provider_name} sees this error too, and if they run it again the
      page goes on by itself. To ask about it, write to <b>{job.provider_name}</b> and name the id{' '}
      <span className="mono breakable">{job.provider_job_id}</span>.
    </span>
  );
}

function ForProvider({ step }: { step: JobStep | null }) {
  return step === null ? (
    <span>
      The error names no step. Any later <code>step</code> or <code>complete</code> event of the job clears it.
    </span>
  ) : (
    <span>
      When you have mended it, run the step again: a later <code>step</code> or <code>complete</code> event with the
      tag <span className="mono breakable">{step.tag}</span> clears the error. Your customer sees what the error says.
    </span>
  );
}
