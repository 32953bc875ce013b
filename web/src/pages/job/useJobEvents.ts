import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { eventsQuery } from '../../api/queries';
import type { Event, EventKind } from '../../api/types';
import { useLiveEvents } from '../../live/LiveProvider';
import { cut, type EventPages, withEvents } from './events';

/** So many live events are remembered, for pages that were on their way while these came. */
const REMEMBERED = 1_000;

/** The events of a job, newest first, with those that come while one looks. */
export function useJobEvents(id: string, kinds: EventKind[] | undefined) {
  const client = useQueryClient();
  const options = eventsQuery(id, kinds);
  const query = useInfiniteQuery(options);
  const live = useRef(new Map<string, Event>());
  const key = options.queryKey;

  /** Puts events in place without saying that the list was read just now. */
  const putIn = (events: readonly Event[]) => {
    const state = client.getQueryState<EventPages>(key);
    if (state?.data === undefined) {
      return;
    }
    const merged = withEvents(state.data, kinds, events);
    const shorter = cut(merged);
    if (merged !== state.data) {
      client.setQueryData<EventPages>(key, shorter ?? merged, { updatedAt: state.dataUpdatedAt });
    }
    if (shorter !== null) {
      void client.invalidateQueries({ queryKey: key, exact: true });
    }
  };

  useLiveEvents(event => {
    if (event.job_id !== id) {
      return;
    }
    remember(live.current, event);
    putIn([event]);
  });

  // An answer may have left the server before an event that is here already.
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each answer, not for each event
  useEffect(() => putIn([...live.current.values()]), [query.dataUpdatedAt]);

  return query;
}

function remember(events: Map<string, Event>, event: Event): void {
  events.set(event.id, event);
  const oldest = events.size > REMEMBERED ? events.keys().next().value : undefined;
  if (oldest !== undefined) {
    events.delete(oldest);
  }
}
