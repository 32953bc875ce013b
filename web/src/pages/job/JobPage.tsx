import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { ApiError, isNotShown } from '../../api/client';
import { jobQuery } from '../../api/queries';
import type { JobDetail } from '../../api/types';
import { useMe } from '../../app/session';
import { Failed, Loading } from '../../components/States';
import { Announcer } from './Announcer';
import { Failure } from './Failure';
import { JobHeading } from './JobHeading';
import classes from './JobPage.module.css';
import { NoLongerShared } from './NoLongerShared';
import { Steps } from './Steps';
import { TimeChart } from './TimeChart';
import { Timeline } from './Timeline';
import { useJobEvents } from './useJobEvents';

const route = getRouteApi('/signed-in/jobs/$jobId');

/** The API has other addresses in the place of an id, such as the stream. */
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** How long what is expected of a job is shown without asking again. */
const EXPECTATION_KEPT = 30_000;

/** One job: how far it is, what it found, and what happened. */
export function JobPage() {
  const { jobId } = route.useParams();
  if (!UUID.test(jobId)) {
    return <Failed error={new ApiError(404, 'There is no such job.')} retry={() => undefined} />;
  }
  // Nothing of one job is kept for the next: neither what was announced nor what was unfolded.
  return <OneJob key={jobId} id={jobId} />;
}

/** What is expected of a job changes as it runs, also while nothing is reported. */
function lookAgain({ state: { data } }: { state: { data: JobDetail | undefined } }): number | false {
  return data?.status === 'running' && data.expected_end !== null && EXPECTATION_KEPT;
}

function OneJob({ id }: { id: string }) {
  const me = useMe();
  const { data: job, error, refetch } = useQuery({ ...jobQuery(id), refetchInterval: lookAgain });
  const errors = useJobEvents(id, ['error']);
  if (job === undefined) {
    return error === null ? (
      <Loading lines={12} label="Loading the job" />
    ) : (
      <Failed error={error} retry={refetch} isPage />
    );
  }
  if (isNotShown(error)) {
    return <NoLongerShared job={job} />;
  }
  const isProvider = me.role === 'provider';
  const errorEvents = errors.data?.pages.flatMap(page => page.items) ?? [];
  return (
    <div className={classes.page}>
      <JobHeading job={job} failedAt={errorEvents[0]?.occurred_at} isProvider={isProvider} />
      <Announcer job={job} />
      {job.status === 'error' && <Failure job={job} error={errorEvents[0]} isProvider={isProvider} />}
      <div className={classes.columns}>
        <Steps job={job} isProvider={isProvider} />
        <div className={classes.side}>
          <TimeChart job={job} errors={errorEvents} />
          <Timeline job={job} />
        </div>
      </div>
    </div>
  );
}
