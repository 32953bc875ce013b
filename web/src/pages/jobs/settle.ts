import type { JobFilter } from '../../api/queries';
import type { JobListItem } from '../../api/types';
import { jobOrder, mayFit } from '../../live/lists';

type Settling = {
  rows: JobListItem[];
  filter: JobFilter;
  /** The ids of the rows that are shown already, in their order. */
  shown: readonly string[];
  /** Whether somebody is reading the list, so that nothing may move under their eyes. */
  isHeld: boolean;
  /** Whether a job that does not fit the filter any more has been seen so for long enough. */
  isGone: (id: string) => boolean;
};

/**
 * The rows to show, and how many wait. A row changes at once wherever it stands; that rows come, go and change places
 * waits while the list is held, except at its end, where nothing moves by it.
 */
export function settle({ rows, filter, shown, isHeld, isGone }: Settling): { rows: JobListItem[]; waiting: number } {
  const ordered = inOrder(once(rows), filter);
  if (!isHeld || shown.length === 0) {
    return { rows: ordered.filter(row => mayFit(filter, row) || !isGone(row.id)), waiting: 0 };
  }
  const byId = new Map(ordered.map(row => [row.id, row]));
  const kept = shown.flatMap(id => byId.get(id) ?? []);
  const isShown = new Set(shown);
  const lastShown = ordered.findLastIndex(row => isShown.has(row.id));
  const fresh = ordered.filter(row => !isShown.has(row.id) && mayFit(filter, row));
  const behind = fresh.filter(row => ordered.indexOf(row) > lastShown);
  return { rows: [...kept, ...behind], waiting: fresh.length - behind.length };
}

/** A job that changed its place may have come with two pages. */
function once(rows: JobListItem[]): JobListItem[] {
  return [...new Map(rows.map(row => [row.id, row])).values()];
}

/** A job may start or finish after its row was read. When it was opened never changes. */
function inOrder(rows: JobListItem[], { sort = '-created_at' }: JobFilter): JobListItem[] {
  return sort.endsWith('created_at') ? rows : [...rows].sort(jobOrder(sort));
}
