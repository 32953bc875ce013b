import type { InfiniteData } from '@tanstack/react-query';
import type { JobFilter } from '../api/queries';
import type { Job, JobListItem, JobSort, Page } from '../api/types';
import { compareInstants } from '../model/instant';

/** The pages of a list of jobs that have been read so far. */
export type JobPages = InfiniteData<Page<JobListItem>>;

/** Whether a job is told as it was after what is known of it: an event came, or none did and it was found to be silent. */
export function isLater(job: Job, known: Job): boolean {
  const isSilent = job.silent_since !== null && known.silent_since === null;
  return job.last_sequence > known.last_sequence || (job.last_sequence === known.last_sequence && isSilent);
}

/** What is known of a job with what is new of it, unless that is older. */
export function newer<T extends Job>(known: T, job: Job): T {
  return job.last_sequence < known.last_sequence || isLater(known, job) ? known : { ...known, ...job };
}

/** The pages with jobs put in the place of their rows. What does not change stays the same object. */
export function patchRows(lists: JobPages, jobs: ReadonlyMap<string, JobListItem>): JobPages {
  let isPatched = false;
  const patchRow = (row: JobListItem) => {
    const job = jobs.get(row.id);
    return job === undefined ? row : newer(row, job);
  };
  const pages = lists.pages.map(page => {
    if (!page.items.some(row => jobs.has(row.id))) {
      return page;
    }
    isPatched = true;
    return { ...page, items: page.items.map(patchRow) };
  });
  return isPatched ? { ...lists, pages } : lists;
}

export function listedIds(lists: JobPages): Set<string> {
  return new Set(lists.pages.flatMap(page => page.items.map(row => row.id)));
}

/** The time a list is sorted by; null: the job is not in such a list. */
function sortTime(job: Job, sort: JobSort): string | null {
  switch (sort) {
    case 'created_at':
    case '-created_at':
      return job.created_at;
    case 'started_at':
    case '-started_at':
      return job.started_at ?? job.created_at;
    case 'finished_at':
    case '-finished_at':
      return job.finished_at;
  }
}

/** The order of the server: by time, and by id where that is the same. */
export function jobOrder(sort: JobSort = '-created_at'): (one: Job, other: Job) => number {
  const direction = sort.startsWith('-') ? -1 : 1;
  return (one, other) => {
    const times = compareInstants(sortTime(one, sort) ?? '', sortTime(other, sort) ?? '');
    return direction * (times || (one.id < other.id ? -1 : Number(one.id > other.id)));
  };
}

/**
 * Whether a job may be in the list of a filter. The server alone knows which texts it finds, so that is left open;
 * false is certain.
 */
export function mayFit(filter: JobFilter, job: Job): boolean {
  const { status, tag, version, customer, from, to, finished_from, last_event_to, silent, sort } = filter;
  const isAtOrAfter = (at: string | null, limit: string) => at !== null && compareInstants(at, limit) >= 0;
  const address = customer?.toLowerCase();
  return !(
    (status !== undefined && !status.includes(job.status)) ||
    (silent !== undefined && silent !== (job.silent_since !== null)) ||
    (tag !== undefined && tag !== job.tag) ||
    (version !== undefined && version !== job.version) ||
    (address !== undefined && address !== job.customer_id && address !== job.customer_email?.toLowerCase()) ||
    (from !== undefined && !isAtOrAfter(job.created_at, from)) ||
    (to !== undefined && isAtOrAfter(job.created_at, to)) ||
    (finished_from !== undefined && !isAtOrAfter(job.finished_at, finished_from)) ||
    (last_event_to !== undefined && isAtOrAfter(job.last_event_at ?? job.created_at, last_event_to)) ||
    (sort !== undefined && sortTime(job, sort) === null)
  );
}

/** Whether a job belongs among the rows read so far, rather than on a page that is yet to be read. */
export function isInRange(lists: JobPages, job: Job, sort?: JobSort): boolean {
  const lastPage = lists.pages.at(-1);
  const lastRow = lastPage?.items.at(-1);
  return lastPage?.next === null || (lastRow !== undefined && jobOrder(sort)(job, lastRow) < 0);
}

/** The pages with jobs added at the places that their order gives them, among what has been read so far. */
export function insertRows(lists: JobPages, jobs: JobListItem[], sort?: JobSort): JobPages {
  const known = listedIds(lists);
  const fresh = jobs.filter(job => !known.has(job.id) && isInRange(lists, job, sort));
  if (fresh.length === 0) {
    return lists;
  }
  const isBefore = jobOrder(sort);
  const pages = lists.pages.map(page => ({ ...page, items: [...page.items] }));
  for (const job of fresh) {
    const page = pages.find(({ items }) => items.some(row => isBefore(job, row) < 0)) ?? pages.at(-1);
    const place = page?.items.findIndex(row => isBefore(job, row) < 0) ?? -1;
    page?.items.splice(place < 0 ? page.items.length : place, 0, job);
  }
  return { ...lists, pages };
}
