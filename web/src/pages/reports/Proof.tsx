import { Button, Group, Table, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { JobUsage, UsageFigures, UsageRow } from '../../api/types';
import { TextLink } from '../../components/Links';
import { Failed, Loading } from '../../components/States';
import { exactTime } from '../../model/time';
import { COLUMNS, exact } from './figures';
import { proofQuestion, type ReportQuestion } from './filter';
import { proofQuery } from './queries';
import classes from './Reports.module.css';

/** The jobs whose figures add up to those of a row. */
export function Proof({ row, question }: { row: UsageRow; question: ReportQuestion }) {
  const proof = useInfiniteQuery(proofQuery(proofQuestion(row, question)));
  const jobs = proof.data?.pages.flatMap(page => page.items) ?? [];
  if (proof.isPending) {
    return <Loading lines={3} label="Loading the jobs" />;
  }
  if (proof.isError && jobs.length === 0) {
    return <Failed error={proof.error} retry={() => void proof.refetch()} />;
  }
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section className={classes.jobs} tabIndex={0} aria-label="The jobs behind it">
        <Table fz="xs" horizontalSpacing={8} verticalSpacing={3}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Job</Table.Th>
              <Table.Th>Opened</Table.Th>
              {COLUMNS.map(({ name, label }) => (
                <Table.Th key={name} ta="end">
                  {label}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {jobs.map(job => (
              <Table.Tr key={job.job_id}>
                <Table.Td className="breakable">
                  <JobName job={job} />
                </Table.Td>
                <Table.Td title={exactTime(new Date(job.created_at))}>{day(job.created_at)}</Table.Td>
                {COLUMNS.map(({ name }) => (
                  <Table.Td key={name} ta="end">
                    {exact(name, figureOf(job, name))}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </section>
      <Group justify="space-between" mt={6}>
        <Text size="xs" c="var(--quiet)">
          What a job counts for in this row: whether it was opened, finished or failed within, and its steps, points
          and hours within.
        </Text>
        {proof.hasNextPage && (
          <Button
            size="compact-sm"
            variant="default"
            loading={proof.isFetchingNextPage}
            onClick={() => void proof.fetchNextPage()}
          >
            Show more
          </Button>
        )}
      </Group>
    </>
  );
}

function JobName({ job }: { job: JobUsage }) {
  if (job.deleted) {
    return (
      <>
        <span className="mono">{job.job_id}</span> <span className="quiet">deleted</span>
      </>
    );
  }
  return (
    <TextLink to="/jobs/$jobId" params={{ jobId: job.job_id }} inherit underline="always">
      {job.provider_job_id ?? job.job_id}
    </TextLink>
  );
}

function figureOf(job: JobUsage, name: keyof UsageFigures): number {
  return name === 'jobs' ? job.opened : job[name];
}

function day(at: string): string {
  return new Date(at).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
}
