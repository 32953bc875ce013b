import { queryOptions } from '@tanstack/react-query';
import { answer, api } from '../../api/client';

/** How this job's numbers stand among those of the other jobs of its configuration. */
export function distributionsQuery(id: string, enabled: boolean) {
  return queryOptions({
    queryKey: ['jobs', 'distributions', id],
    queryFn: ({ signal }) => answer(api.GET('/api/v1/jobs/{id}/distributions', { params: { path: { id } }, signal })),
    enabled,
    staleTime: 60_000,
  });
}
