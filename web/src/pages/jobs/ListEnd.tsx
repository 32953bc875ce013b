import { Button, Center, Group } from '@mantine/core';
import type { useJobList } from './useJobList';

/** What comes behind the last row: more, or that there is no more. Scrolling loads it too; the button needs no mouse. */
export function ListEnd({ query, count }: { query: ReturnType<typeof useJobList>['query']; count: number }) {
  const { hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = query;
  if (!hasNextPage) {
    return (
      <Center py="md" className="quiet">
        {count === 1 ? 'This is the only job.' : `These are all ${count.toLocaleString('en')} jobs.`}
      </Center>
    );
  }
  return (
    <Center py="md">
      <Group gap="sm">
        {isFetchNextPageError && <span role="alert">More jobs could not be loaded.</span>}
        <Button
          variant="default"
          loading={isFetchingNextPage}
          onClick={() => void fetchNextPage({ cancelRefetch: false })}
        >
          {isFetchNextPageError ? 'Try again' : 'Load more'}
        </Button>
      </Group>
    </Center>
  );
}
