import { infiniteQueryOptions } from '@tanstack/react-query';
import { answer, api } from '../../api/client';

export const customersQuery = infiniteQueryOptions({
  queryKey: ['customers', 'list'],
  queryFn: ({ pageParam, signal }) =>
    answer(api.GET('/api/v1/customers', { params: { query: { limit: 50, cursor: pageParam } }, signal })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: page => page.next ?? undefined,
});
