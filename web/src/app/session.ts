import { useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useRouter } from '@tanstack/react-router';
import { answer, api, isTemporary } from '../api/client';
import { meQuery } from '../api/queries';
import type { User } from '../api/types';
import { notify } from './notify';

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

/** Ends the session on the server, and then here: who cannot be signed out is told so. */
export function useSignOut(): () => Promise<void> {
  const client = useQueryClient();
  const router = useRouter();
  return async () => {
    try {
      await answer(api.POST('/api/v1/logout'));
    } catch (error) {
      if (isTemporary(error)) {
        notify({ color: 'red', message: 'You are still signed in: the server did not answer. Try again.' });
        return;
      }
    }
    client.clear();
    client.setQueryData(meQuery.queryKey, null);
    await router.navigate({ to: '/sign-in' });
  };
}
