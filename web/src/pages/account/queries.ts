import { queryOptions } from '@tanstack/react-query';
import { answer, api } from '../../api/client';

/** What the server says of itself to everybody. */
export const serverQuery = queryOptions({
  queryKey: ['server'],
  queryFn: ({ signal }) => answer(api.GET('/api/v1/server', { signal })),
  staleTime: 300_000,
});

export function invitationQuery(token: string) {
  return queryOptions({
    queryKey: ['invitations', token],
    queryFn: ({ signal }) => answer(api.GET('/api/v1/invitations/{token}', { params: { path: { token } }, signal })),
  });
}
