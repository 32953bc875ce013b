import { useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from 'react';
import { meQuery } from '../api/queries';
import type { Event, Job } from '../api/types';
import { LiveCache } from './cache';
import { joinLine } from './line';
import type { LiveState } from './messages';

type Listener = (event: Event, job: Job) => void;

const Live = createContext<{ state: LiveState; listen: (listener: Listener) => () => void }>({
  state: 'connecting',
  listen: () => () => undefined,
});

/** Joins the live line and keeps everything that was read of jobs up to date. */
export function LiveProvider({ userId, children }: { userId: string; children: ReactNode }) {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>('connecting');
  const listeners = useRef(new Set<Listener>());

  useEffect(() => {
    const cache = new LiveCache(client);
    const leave = joinLine(userId, message => {
      if (message.kind === 'state') {
        setState(message.state);
        if (message.state === 'signed-out') {
          client.setQueryData(meQuery.queryKey, null);
        }
      } else if (message.kind === 'stale') {
        void cache.refresh();
      } else {
        cache.apply(message.job);
        for (const listener of listeners.current) {
          listener(message.event, message.job);
        }
      }
    });
    return () => {
      leave();
      cache.dispose();
    };
  }, [client, userId]);

  const value = useMemo(
    () => ({
      state,
      listen: (listener: Listener) => {
        listeners.current.add(listener);
        return () => void listeners.current.delete(listener);
      },
    }),
    [state],
  );
  return <Live value={value}>{children}</Live>;
}

/** How the live line is. */
export function useLiveState(): LiveState {
  return useContext(Live).state;
}

/** Calls back with every event of the jobs one may see. */
export function useLiveEvents(listener: Listener): void {
  const { listen } = useContext(Live);
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => listen((event, job) => latest.current(event, job)), [listen]);
}
