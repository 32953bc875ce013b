import { useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from 'react';
import { meQuery } from '../api/queries';
import type { Event, Job } from '../api/types';
import { Batches } from './batches';
import { LiveCache } from './cache';
import { joinLine } from './line';
import type { LiveMessage, LiveState } from './messages';

/** How long messages are gathered when they come fast, so that the page is drawn once for many. */
const FRAME = 50;

/** Of a job that was found to be silent there is no event. */
type Listener = (event: Event | null, job: Job) => void;

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
    const takeIn = (batch: LiveMessage[]) => {
      const news = batch.filter(message => message.kind === 'event' || message.kind === 'silence');
      if (news.length > 0) {
        cache.apply(news.map(({ job }) => job));
      }
      for (const message of news) {
        for (const listener of listeners.current) {
          listener(message.kind === 'event' ? message.event : null, message.job);
        }
      }
      if (batch.some(message => message.kind === 'stale')) {
        void cache.refresh();
      }
    };
    const batches = new Batches(FRAME, takeIn);
    const onState = (next: LiveState) => {
      setState(next);
      if (next === 'signed-out') {
        client.setQueryData(meQuery.queryKey, null);
      }
    };
    const leave = joinLine(userId, message =>
      message.kind === 'state' ? onState(message.state) : batches.add(message),
    );
    const wake = () => cache.wake();
    document.addEventListener('visibilitychange', wake);
    return () => {
      document.removeEventListener('visibilitychange', wake);
      leave();
      batches.dispose();
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
export function useLiveEvents(listener: (event: Event, job: Job) => void): void {
  useLiveNews((event, job) => {
    if (event !== null) {
      listener(event, job);
    }
  });
}

/** Calls back with every event of the jobs one may see, and with every job that is found to be silent. */
export function useLiveNews(listener: Listener): void {
  const { listen } = useContext(Live);
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => listen((event, job) => latest.current(event, job)), [listen]);
}
