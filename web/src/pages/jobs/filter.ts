import type { JobFilter } from '../../api/queries';
import type { JobSort, JobStatus } from '../../api/types';

export const STATUSES: JobStatus[] = ['pending', 'running', 'completed', 'error'];
const TEXTS = ['text', 'tag', 'version', 'customer', 'from', 'to', 'finished_from', 'last_event_to'] as const;

/** What lists of jobs can be sorted by. */
export type SortColumn = 'created_at' | 'started_at' | 'finished_at';

export const SORTS: { sort: JobSort; label: string }[] = [
  { sort: '-created_at', label: 'Opened, newest first' },
  { sort: 'created_at', label: 'Opened, oldest first' },
  { sort: '-started_at', label: 'Started, newest first' },
  { sort: 'started_at', label: 'Started, oldest first' },
  { sort: '-finished_at', label: 'Finished, newest first' },
  { sort: 'finished_at', label: 'Finished, oldest first' },
];

/**
 * The filter and order of the list as the address has them. What does not fit is undefined: of what is only left out
 * the router keeps what the address has.
 */
export function readJobFilter(search: Record<string, unknown>): JobFilter {
  const filter: JobFilter = Object.fromEntries([...TEXTS, 'status', 'sort'].map(name => [name, undefined]));
  for (const name of TEXTS) {
    const value = search[name];
    if (typeof value === 'string' && value.trim() !== '') {
      filter[name] = value;
    }
  }
  const silent = String(search.silent ?? '');
  filter.silent = silent === 'true' ? true : silent === 'false' ? false : undefined;
  const words = Array.isArray(search.status) ? search.status : String(search.status ?? '').split(',');
  const statuses = STATUSES.filter(status => words.includes(status));
  if (statuses.length > 0) {
    filter.status = statuses;
  }
  return withSort(filter, SORTS.find(known => known.sort === search.sort)?.sort);
}

/** Newest first is what one gets without asking: the address does not name it. */
export function withSort(filter: JobFilter, sort: JobSort | undefined): JobFilter {
  const { sort: _, ...rest } = filter;
  return { ...rest, sort: sort === '-created_at' ? undefined : sort };
}

/** The filter with some of it changed. */
export function withChange(filter: JobFilter, change: Partial<JobFilter>): JobFilter {
  return readJobFilter({ ...filter, ...change });
}

/** Whether anything is left out of the list; its order leaves nothing out. */
export function isFiltered(filter: JobFilter): boolean {
  return countFilters(filter) > 0;
}

/** How many conditions there are; from and to are one. */
export function countFilters({ from, to, sort: _, ...others }: JobFilter): number {
  const isSet = (value: unknown) => value !== undefined;
  return Object.values(others).filter(isSet).length + Number(isSet(from) || isSet(to));
}

/** How a column sorts the list, in the words of `aria-sort`. */
export function ariaSort(
  { sort = '-created_at' }: JobFilter,
  column: SortColumn,
): 'ascending' | 'descending' | 'none' {
  return sort === column ? 'ascending' : sort === `-${column}` ? 'descending' : 'none';
}

/** The order after a click on a column's heading: newest first, oldest first, and back to the usual. */
export function nextSort(filter: JobFilter, column: SortColumn): JobSort {
  switch (ariaSort(filter, column)) {
    case 'none':
      return `-${column}`;
    case 'descending':
      return column;
    case 'ascending':
      return '-created_at';
  }
}

/** Filters that no control shows: another page led here with them. */
export function rareFilters(
  filter: JobFilter,
): { name: 'version' | 'finished_from' | 'last_event_to' | 'silent'; at?: string }[] {
  const { version, finished_from, last_event_to, silent } = filter;
  return [
    ...(version === undefined ? [] : [{ name: 'version' as const }]),
    ...(finished_from === undefined ? [] : [{ name: 'finished_from' as const, at: finished_from }]),
    ...(last_event_to === undefined ? [] : [{ name: 'last_event_to' as const, at: last_event_to }]),
    ...(silent === false ? [{ name: 'silent' as const }] : []),
  ];
}
