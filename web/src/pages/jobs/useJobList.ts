import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { type RefObject, useEffect, useMemo, useRef, useState } from 'react';
import { type JobFilter, jobsQuery } from '../../api/queries';
import type { JobListItem } from '../../api/types';
import { mayFit } from '../../live/lists';
import { settle } from './settle';
import { useHold } from './useHold';
import { useNewest } from './useNewest';

/** How long a job that has left the filter is still shown as it is now, so that one sees what became of it. */
const FAREWELL = 6_000;

const NONE: JobListItem[] = [];

/** The rows of a list as they are to be shown, and what can be done with it. */
export function useJobList(filter: JobFilter, list: RefObject<HTMLElement | null>) {
  const query = useInfiniteQuery({ ...jobsQuery(filter), placeholderData: keepPreviousData });
  useNewest(filter);
  const isHeld = useHold(list);
  const isGone = useFarewells(query.data?.pages.flatMap(page => page.items) ?? NONE, filter);
  const shown = useRef<{ ids: string[]; key: string }>({ ids: [], key: '' });
  const [letIn, setLetIn] = useState(0);
  const key = `${JSON.stringify(filter)}${letIn}${query.isPlaceholderData}`;

  const settled = useMemo(() => {
    const rows = query.data?.pages.flatMap(page => page.items) ?? NONE;
    const ids = shown.current.key === key ? shown.current.ids : [];
    return settle({ rows, filter, shown: ids, isHeld, isGone });
  }, [query.data, filter, isHeld, isGone, key]);
  useEffect(() => {
    shown.current = { ids: settled.rows.map(row => row.id), key };
  }, [settled, key]);

  const showWaiting = () => setLetIn(count => count + 1);
  return { ...settled, query, showWaiting };
}

/** Says of which jobs that do not fit the filter any more the farewell is over. */
function useFarewells(rows: JobListItem[], filter: JobFilter): (id: string) => boolean {
  const since = useRef(new Map<string, number>());
  const [now, setNow] = useState(() => Date.now());
  const leaving = rows.filter(row => !mayFit(filter, row)).map(row => row.id);
  const key = leaving.join();
  useEffect(() => {
    const ids = new Set(key === '' ? [] : key.split(','));
    for (const id of since.current.keys()) {
      if (!ids.has(id)) {
        since.current.delete(id);
      }
    }
    for (const id of ids) {
      since.current.set(id, since.current.get(id) ?? Date.now());
    }
    if (ids.size === 0) {
      return undefined;
    }
    const timer = setInterval(() => setNow(Date.now()), FAREWELL / 3);
    return () => clearInterval(timer);
  }, [key]);
  return useMemo(() => (id: string) => now - (since.current.get(id) ?? now) >= FAREWELL, [now]);
}
