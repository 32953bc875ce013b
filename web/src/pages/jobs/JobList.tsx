import { Button, Group, Text } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { Link } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import type { JobFilter } from '../../api/queries';
import { Empty, Failed, Loading } from '../../components/States';
import { Announcer } from './Announcer';
import type { OnFilter } from './FilterBar';
import { isFiltered } from './filter';
import { JobCards } from './JobCards';
import classes from './JobList.module.css';
import { JobTable } from './JobTable';
import { ListEnd } from './ListEnd';
import { useJobList } from './useJobList';

type Props = { filter: JobFilter; onChange: OnFilter; isProvider: boolean };

/** How many rows before the end the next page is asked for. */
const AHEAD = 20;

/** The jobs: a table, or cards where a table has no room. */
export function JobList({ filter, onChange, isProvider }: Props) {
  const list = useRef<HTMLDivElement>(null);
  // A provider's menu takes a part of the width.
  const isWide = useMediaQuery(isProvider ? '(min-width: 62em)' : '(min-width: 48em)', true, {
    getInitialValueInEffect: false,
  });
  const { rows, waiting, query, showWaiting } = useJobList(filter, list);
  const { hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = query;
  const showNewest = () => {
    showWaiting();
    scrollTo({ top: 0 });
  };
  const onRange = (last: number) => {
    if (last >= rows.length - AHEAD && hasNextPage && !isFetchingNextPage && !isFetchNextPageError) {
      void fetchNextPage({ cancelRefetch: false });
    }
  };
  useCountInTitle(waiting);
  if (query.isPending) {
    return <Loading lines={10} label="Loading the jobs" />;
  }
  if (query.isError && query.data === undefined) {
    return <Failed error={query.error} retry={() => void query.refetch()} />;
  }
  if (rows.length === 0 && !query.isPlaceholderData) {
    return <NoJobs filter={filter} onChange={onChange} isProvider={isProvider} />;
  }
  const shown = { rows, onRange, isComplete: !hasNextPage, isProvider };
  return (
    <div
      ref={list}
      className={classes.list}
      aria-busy={query.isPlaceholderData}
      data-outdated={query.isPlaceholderData}
    >
      <Announcer rows={rows} />
      <div className={classes.waiting} aria-live="polite">
        {waiting > 0 && (
          <Button size="compact-sm" radius="xl" onClick={showNewest}>
            {waiting === 1 ? '1 new job' : `${waiting} new jobs`}
          </Button>
        )}
      </div>
      {isWide ? <JobTable {...shown} filter={filter} onChange={onChange} /> : <JobCards {...shown} />}
      <ListEnd query={query} count={rows.length} />
    </div>
  );
}

/** A tab in the background says so too. */
function useCountInTitle(waiting: number): void {
  useEffect(() => {
    document.title = waiting > 0 ? `(${waiting}) Jobs · Milepost` : 'Jobs · Milepost';
  }, [waiting]);
}

function NoJobs({ filter, onChange, isProvider }: Props) {
  if (isFiltered(filter)) {
    const clear = (
      <Button variant="default" onClick={() => onChange(filter.sort === undefined ? {} : { sort: filter.sort })}>
        Clear the filters
      </Button>
    );
    return (
      <Empty title="No job fits" action={clear}>
        There are no jobs with what is asked for above.
      </Empty>
    );
  }
  if (filter.sort?.endsWith('finished_at')) {
    return (
      <Empty title="No job has finished yet">Here the jobs that have finished are listed by when they did.</Empty>
    );
  }
  return isProvider ? (
    <Empty
      title="No jobs yet"
      action={
        <Group>
          <Button component={Link} to="/getting-started">
            Getting started
          </Button>
        </Group>
      }
    >
      A job appears here as soon as your program opens one, or you do. Getting started shows how, with code to copy.
    </Empty>
  ) : (
    <Empty title="No jobs yet">
      Your provider has not opened a job for you yet. It will appear here by itself.
      <Text component="span" display="block" mt="xs" size="sm">
        You need not reload this page.
      </Text>
    </Empty>
  );
}
