import type { JobDetail } from '../../api/types';
import { expectation, reason } from './expected';
import classes from './JobHeading.module.css';
import { useClock } from './useClock';

/** When a running job will have ended, and why. */
export function Expectation({ job }: { job: JobDetail }) {
  const now = useClock(60_000);
  const expected = job.expected_end;
  if (job.status !== 'running' || expected === null) {
    return null;
  }
  return (
    <p className={classes.expectation}>
      {expectation(expected, now)} <span className="quiet">{reason(expected, job)}</span>
    </p>
  );
}
