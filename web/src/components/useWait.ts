import { useCallback, useRef, useSyncExternalStore } from 'react';
import { ApiError } from '../api/client';
import { clock } from './clock';

/** How many seconds it is until trying again makes sense; 0 if it does already. */
export function useWait(error: unknown): number {
  const refused = useRef<{ error: unknown; at: number }>({ error: null, at: 0 });
  if (refused.current.error !== error) {
    refused.current = { error, at: Date.now() };
  }
  const seconds = useCallback(() => {
    const wait = error instanceof ApiError ? (error.retryAfter ?? 0) : 0;
    const until = refused.current.at + wait * 1000;
    return Math.max(0, Math.ceil((until - clock.now().getTime()) / 1000));
  }, [error]);
  return useSyncExternalStore(clock.subscribe, seconds);
}
