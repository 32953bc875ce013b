import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { answer, api } from '../../api/client';
import { type JobFilter, jobsQuery } from '../../api/queries';
import { insertRows, type JobPages, listedIds } from '../../live/lists';

/** How often a list is looked at for jobs that have only been opened: no event tells of them. */
const PAUSE = 15_000;

/** Adds newly opened jobs to a list while the page is seen. */
export function useNewest(filter: JobFilter): void {
  const client = useQueryClient();
  // By what it says: the router makes a new object for each address.
  const key = JSON.stringify(filter);
  useEffect(() => {
    const look = () => {
      if (document.visibilityState === 'visible') {
        void addNewest(client, JSON.parse(key));
      }
    };
    look();
    const timer = setInterval(look, PAUSE);
    document.addEventListener('visibilitychange', look);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, [client, key]);
}

async function addNewest(client: QueryClient, filter: JobFilter): Promise<void> {
  const { queryKey } = jobsQuery(filter);
  const lastRead = client.getQueryState(queryKey)?.dataUpdatedAt ?? Date.now();
  // A job that was just opened has not finished; and what was just read is not read again.
  if (filter.sort?.endsWith('finished_at') || Date.now() - lastRead < PAUSE / 2) {
    return;
  }
  const query = { ...filter, status: filter.status?.join(','), sort: '-created_at' as const, steps: true };
  const newest = await answer(api.GET('/api/v1/jobs', { params: { query } })).catch(() => null);
  const lists: JobPages | undefined = client.getQueryData(queryKey);
  if (newest === null || lists === undefined) {
    return;
  }
  const known = listedIds(lists);
  const hasGap = filter.sort === undefined && newest.next !== null && !newest.items.some(job => known.has(job.id));
  const pages = hasGap ? { pages: [newest], pageParams: [undefined] } : insertRows(lists, newest.items, filter.sort);
  if (pages !== lists) {
    client.setQueryData<unknown>(queryKey, pages, { updatedAt: lastRead });
  }
}
