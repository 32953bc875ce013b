import type { JobListItem } from '../../api/types';
import { SegmentedBar } from '../../components/SegmentedBar';
import { Silence } from '../../components/Silence';
import { currentStep, percent } from '../../components/segments';
import { Time } from '../../components/Time';
import { JobRow } from './JobRow';
import classes from './JobRow.module.css';
import { ShortList } from './ShortList';

export function RunningJobs() {
  return (
    <ShortList
      title="Running now"
      status="running"
      most={8}
      none="Nothing is running."
      row={job => <RunningJob key={job.id} job={job} />}
    />
  );
}

function RunningJob({ job }: { job: JobListItem }) {
  const steps = job.steps ?? [];
  return (
    <JobRow job={job} aside={job.progress !== null && percent(job.progress)}>
      {steps.length > 0 && (
        <div className={classes.bar}>
          <SegmentedBar steps={steps} progress={job.progress} />
        </div>
      )}
      <div className={classes.below}>
        <span className="breakable">{currentStep(steps)?.name}</span>
        {job.silent_since === null ? <Time at={job.last_event_at} /> : <Silence since={job.silent_since} />}
      </div>
    </JobRow>
  );
}
