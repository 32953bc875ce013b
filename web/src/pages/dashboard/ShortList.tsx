import { Group, Text, Title } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { type JobFilter, jobsQuery } from '../../api/queries';
import type { JobListItem, JobStatus } from '../../api/types';
import { TextLink } from '../../components/Links';
import { Failed, Loading } from '../../components/States';
import { JobRows } from './JobRow';

type Props = {
  title: string;
  status: JobStatus;
  /** The most rows that are shown; the rest are behind the link. */
  most: number;
  /** What is said where there is none. */
  none: string;
  row: (job: JobListItem) => ReactNode;
};

/** The newest jobs of a status, live. */
export function ShortList({ title, status, most, none, row }: Props) {
  const filter: JobFilter = { status: [status] };
  const jobs = useInfiniteQuery(jobsQuery(filter));
  // A job whose status has just changed is in the list until it is read again.
  const rows = jobs.data?.pages.flatMap(page => page.items).filter(job => job.status === status) ?? [];
  const hasMore = rows.length > most || jobs.hasNextPage;
  return (
    <section aria-label={title}>
      <Group justify="space-between" mb={8}>
        <Title order={2}>{title}</Title>
        {hasMore && (
          <TextLink to="/jobs" search={filter} underline="always" size="sm">
            Show all
          </TextLink>
        )}
      </Group>
      {jobs.isPending && <Loading lines={3} />}
      {jobs.isError && rows.length === 0 && <Failed error={jobs.error} retry={() => void jobs.refetch()} />}
      {jobs.isSuccess && rows.length === 0 && <Text c="var(--quiet)">{none}</Text>}
      {rows.length > 0 && <JobRows>{rows.slice(0, most).map(row)}</JobRows>}
    </section>
  );
}
