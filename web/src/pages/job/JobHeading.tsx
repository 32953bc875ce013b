import { Anchor } from '@mantine/core';
import { IconChevronLeft } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { JobDetail } from '../../api/types';
import { PageHeading } from '../../components/PageHeading';
import { SegmentedBar } from '../../components/SegmentedBar';
import { Silence } from '../../components/Silence';
import { Status } from '../../components/Status';
import { percent } from '../../components/segments';
import { CorrectJob } from './CorrectJob';
import { Expectation } from './Expectation';
import { Facts, Names } from './Facts';
import classes from './JobHeading.module.css';
import { sentence } from './sentence';
import { useCelebration } from './useCelebration';
import { useClock } from './useClock';

type Props = {
  job: JobDetail /** When the last error happened. */;
  failedAt: string | undefined;
  isProvider: boolean;
};

const ANONYMISED = 'This job was anonymised: what named a person or was measured is gone. Nothing about it changes.';

/** What one sees first: which job, how it is and how far. */
export function JobHeading({ job, failedAt, isProvider }: Props) {
  const isCelebrating = useCelebration(job.status);
  const progress = job.progress === null ? null : percent(job.progress);
  const { done, total } = job.points;
  return (
    <div>
      <Anchor component={Link} to="/jobs" size="sm" className={classes.back}>
        <IconChevronLeft size={15} aria-hidden="true" /> Jobs
      </Anchor>
      <PageHeading
        title={job.provider_job_name}
        tab={tabTitle(job, progress)}
        lead={job.anonymised_at !== null && ANONYMISED}
        actions={isProvider && job.anonymised_at === null && <CorrectJob job={job} />}
      />
      <section className={classes.panel} aria-label="Progress" data-status={job.status}>
        <div className={classes.top}>
          <div className={classes.status}>
            <Status status={job.status} />
            <Silence since={job.silent_since} />
          </div>
          {progress !== null && <div className={classes.percent}>{progress}</div>}
        </div>
        {job.steps.length > 0 && (
          <div className={classes.bar} data-celebrating={isCelebrating || undefined}>
            <SegmentedBar steps={job.steps} progress={job.progress} size="heading" />
          </div>
        )}
        <div className={classes.below}>
          <LiveSentence job={job} />
          {total > 0 && (
            <span className="quiet">
              {done.toLocaleString('en')} of {total.toLocaleString('en')} points
            </span>
          )}
        </div>
        <Expectation job={job} />
        <Facts job={job} failedAt={failedAt} isProvider={isProvider} />
        <Names job={job} isProvider={isProvider} />
      </section>
    </div>
  );
}

function LiveSentence({ job }: { job: JobDetail }) {
  const now = useClock(job.status === 'running' || job.status === 'pending' ? 1_000 : null);
  return <p className={classes.sentence}>{sentence(job, now)}</p>;
}

function tabTitle(job: JobDetail, progress: string | null): string {
  const parts = [job.status === 'error' ? 'Error' : null, progress].filter(part => part !== null);
  return [...(parts.length > 0 ? [parts.join(', ')] : []), job.provider_job_name].join(' · ');
}
