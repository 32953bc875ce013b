import { infiniteQueryOptions } from '@tanstack/react-query';
import { answer, api } from '../../api/client';
import { type AuditFilter, GROUPS } from './words';

export function auditQuery({ group, from, to }: AuditFilter) {
  const action = GROUPS.find(({ value }) => value === group)?.actions.join(',');
  return infiniteQueryOptions({
    queryKey: ['audit-log', { group, from, to }],
    queryFn: ({ pageParam, signal }) =>
      answer(api.GET('/api/v1/audit-log', { params: { query: { action, from, to, cursor: pageParam } }, signal })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: page => page.next ?? undefined,
  });
}
