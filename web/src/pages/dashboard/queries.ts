import { queryOptions } from '@tanstack/react-query';
import { answer, api } from '../../api/client';
import { jobKeys } from '../../api/queries';

/** The figures; `since` is where today begins for whoever looks. */
export function summaryQuery(since: string) {
  return queryOptions({
    queryKey: [...jobKeys.summary, since],
    queryFn: ({ signal }) => answer(api.GET('/api/v1/jobs/summary', { params: { query: { since } }, signal })),
    refetchInterval: 60_000,
  });
}
