import { infiniteQueryOptions, MutationCache, QueryCache, QueryClient, queryOptions } from '@tanstack/react-query';
import { ApiError, answer, api, isTemporary } from './client';
import type { EventKind, JobListItem, JobSort, JobStatus, Page } from './types';

/**
 * Everything the page has read. What does not help is not tried again; what may, is. Wherever somebody is refused for
 * want of a session, it is asked who is signed in: the password of a sign-in may only have been wrong.
 */
export function newQueryClient(): QueryClient {
  const onError = (error: Error) => {
    if (error instanceof ApiError && error.status === 401 && client.getQueryData(meQuery.queryKey)) {
      void client.invalidateQueries({ queryKey: meQuery.queryKey });
    }
  };
  const client = new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        retry: (failures, error) => isTemporary(error) && failures < 3,
        retryDelay: failures => Math.min(500 * 2 ** failures, 10_000),
        staleTime: 2_000,
        // A server on this machine or in the house is reached without internet, whatever the browser thinks of it.
        networkMode: 'always',
      },
      mutations: { networkMode: 'always' },
    },
  });
  return client;
}

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: async () => {
    try {
      return await answer(api.GET('/api/v1/users/me'));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        return null;
      }
      throw error;
    }
  },
  staleTime: 60_000,
});

/** What is known of jobs; live events change it, see `live/cache.ts`. */
export const jobKeys = {
  lists: ['jobs', 'list'] as const,
  one: (id: string) => ['jobs', 'one', id] as const,
  events: (id: string) => ['jobs', 'events', id] as const,
  summary: ['jobs', 'summary'] as const,
};

/** Which jobs to list: what the address of the list holds. */
export type JobFilter = {
  text?: string | undefined;
  status?: JobStatus[] | undefined;
  tag?: string | undefined;
  version?: string | undefined;
  customer?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  finished_from?: string | undefined;
  last_event_to?: string | undefined;
  silent?: boolean | undefined;
  sort?: JobSort | undefined;
};

export function jobsQuery(filter: JobFilter) {
  return infiniteQueryOptions({
    queryKey: [...jobKeys.lists, filter],
    // The live line keeps it up to date: it is never read again as a whole only because time has passed.
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async ({ pageParam, signal }): Promise<Page<JobListItem>> => {
      const query = { ...filter, status: filter.status?.join(','), steps: true, cursor: pageParam };
      return answer(api.GET('/api/v1/jobs', { params: { query }, signal }));
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: page => page.next ?? undefined,
  });
}

export function jobQuery(id: string) {
  return queryOptions({
    queryKey: jobKeys.one(id),
    queryFn: ({ signal }) => answer(api.GET('/api/v1/jobs/{id}', { params: { path: { id } }, signal })),
  });
}

/** The events of a job, newest first. */
export function eventsQuery(id: string, kinds: EventKind[] | undefined) {
  return infiniteQueryOptions({
    queryKey: [...jobKeys.events(id), kinds],
    // The live line adds to it while it is shown: then it is not read again, and afterwards not kept.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    queryFn: ({ pageParam, signal }) => {
      const query = { order: 'desc' as const, kind: kinds?.join(','), limit: 200, cursor: pageParam };
      return answer(api.GET('/api/v1/jobs/{id}/events', { params: { path: { id }, query }, signal }));
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: page => page.next ?? undefined,
  });
}
