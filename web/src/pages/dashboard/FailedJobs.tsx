import type { JobListItem } from '../../api/types';
import { currentStep } from '../../components/segments';
import { Time } from '../../components/Time';
import { JobRow } from './JobRow';
import classes from './JobRow.module.css';
import { ShortList } from './ShortList';

export function FailedJobs() {
  return (
    <ShortList
      title="In error"
      status="error"
      most={5}
      none="No job is in error."
      row={job => <FailedJob key={job.id} job={job} />}
    />
  );
}

function FailedJob({ job }: { job: JobListItem }) {
  const step = currentStep(job.steps ?? []);
  return (
    <JobRow job={job} aside={<Time at={job.last_event_at} />}>
      <div className={classes.below}>
        <span className="breakable">
          {step?.status === 'error' ? `Failed in ${step.name}` : 'Failed outside its steps'}
        </span>
      </div>
    </JobRow>
  );
}
