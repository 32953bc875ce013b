import { Stack, Table } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { jobsQuery } from '../../api/queries';
import { PageHeading } from '../../components/PageHeading';
import { SegmentedBar } from '../../components/SegmentedBar';
import { Failed, Loading } from '../../components/States';
import { Status } from '../../components/Status';
import { currentStep, percent } from '../../components/segments';
import { Time } from '../../components/Time';

const route = getRouteApi('/signed-in/jobs');

export function Jobs() {
  const filter = route.useSearch();
  const jobs = useInfiniteQuery(jobsQuery(filter));
  if (jobs.isPending) {
    return <Loading />;
  }
  if (jobs.isError) {
    return <Failed error={jobs.error} retry={() => void jobs.refetch()} />;
  }
  return (
    <Stack>
      <PageHeading title="Jobs" />
      <Table>
        <Table.Tbody>
          {jobs.data.pages
            .flatMap(page => page.items)
            .map(job => (
              <Table.Tr key={job.id}>
                <Table.Td>
                  <Link to="/jobs/$jobId" params={{ jobId: job.id }}>
                    {job.provider_job_name}
                  </Link>
                </Table.Td>
                <Table.Td>
                  <Status status={job.status} />
                </Table.Td>
                <Table.Td w={240}>
                  <SegmentedBar steps={job.steps ?? []} progress={job.progress} />
                </Table.Td>
                <Table.Td>{job.progress !== null && percent(job.progress)}</Table.Td>
                <Table.Td>{currentStep(job.steps ?? [])?.name}</Table.Td>
                <Table.Td>
                  <Time at={job.last_event_at} />
                </Table.Td>
              </Table.Tr>
            ))}
        </Table.Tbody>
      </Table>
    </Stack>
  );
}
