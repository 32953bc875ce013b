import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { Job } from '../../api/types';
import { Empty } from '../../components/States';

/** Somebody could see this job until now. */
export function NoLongerShared({ job }: { job: Job }) {
  return (
    <div role="alert">
      <Empty
        title="No longer shared with you"
        isPage
        action={
          <Button component={Link} to="/jobs" variant="default">
            Back to the jobs
          </Button>
        }
      >
        {job.provider_name} no longer shares “{job.provider_job_name}” with you. If you expected to see it, ask{' '}
        {job.provider_name}.
      </Empty>
    </div>
  );
}
