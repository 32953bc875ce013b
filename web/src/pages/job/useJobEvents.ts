import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { eventsQuery } from '../../api/queries';
import type { Event, EventKind } from '../../api/types';
import { useLiveEvents } from '../../live/LiveProvider';
import { type EventPages, withEvents } from './events';

/** So many live events are remembered, for pages that were on their way while these came. */
const REMEMBERED = 1_000;

/** The events of a job, newest first, with those that come while one looks. */
export function useJobEvents(id: string, kinds: EventKind[] | undefined) {
  const client = useQueryClient();
  const query = useInfiniteQuery(eventsQuery(id, kinds));
  const live = useRef(new Map<string, Event>());

  useLiveEvents(event => {
    if (event.job_id !== id) {
      return;
    }
    remember(live.current, event);
    client.setQueryData<EventPages>(
      eventsQuery(id, kinds).queryKey,
      data => data && withEvents(data, kinds, [event]),
    );
  });

  // An answer may have left the server before an event that is here already.
  const { data } = query;
  useEffect(() => {
    if (data !== undefined) {
      const merged = withEvents(data, kinds, live.current.values());
      if (merged !== data) {
        client.setQueryData<EventPages>(eventsQuery(id, kinds).queryKey, merged);
      }
    }
  }, [client, data, id, kinds]);

  return query;
}

function remember(events: Map<string, Event>, event: Event): void {
  events.set(event.id, event);
  const oldest = events.size > REMEMBERED ? events.keys().next().value : undefined;
  if (oldest !== undefined) {
    events.delete(oldest);
  }
}
