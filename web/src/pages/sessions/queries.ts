import { infiniteQueryOptions } from '@tanstack/react-query';
import { answer, api } from '../../api/client';

export const sessionsQuery = infiniteQueryOptions({
  queryKey: ['sessions', 'list'],
  queryFn: ({ pageParam, signal }) =>
    answer(api.GET('/api/v1/sessions', { params: { query: { limit: 200, cursor: pageParam } }, signal })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: page => page.next ?? undefined,
});
