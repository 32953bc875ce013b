import { useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useRouter } from '@tanstack/react-router';
import { answer, api } from '../api/client';
import { meQuery } from '../api/queries';
import type { User } from '../api/types';

const signedIn = getRouteApi('/signed-in');

/** Who is signed in. Only below the signed-in part of the page. */
export function useMe(): User {
  return signedIn.useRouteContext().me;
}

/** Takes over a session that has begun, and shows where it leads. */
export function useBeginSession(): (user: User, next?: string) => Promise<void> {
  const client = useQueryClient();
  const router = useRouter();
  return async (user, next = '/') => {
    client.clear();
    client.setQueryData(meQuery.queryKey, user);
    router.history.push(next);
    await router.invalidate();
  };
}

/** Ends the session here and on the server. */
export function useSignOut(): () => Promise<void> {
  const client = useQueryClient();
  const router = useRouter();
  return async () => {
    await answer(api.POST('/api/v1/logout')).catch(() => undefined);
    client.clear();
    client.setQueryData(meQuery.queryKey, null);
    await router.navigate({ to: '/sign-in' });
  };
}
