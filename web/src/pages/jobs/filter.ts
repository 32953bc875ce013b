import type { JobFilter } from '../../api/queries';
import type { JobSort, JobStatus } from '../../api/types';

export const STATUSES: JobStatus[] = ['pending', 'running', 'completed', 'error'];
const SORTS: JobSort[] = ['-created_at', 'created_at', '-started_at', 'started_at', '-finished_at', 'finished_at'];
const TEXTS = ['text', 'tag', 'version', 'customer', 'from', 'to', 'finished_from', 'last_event_to'] as const;

/** The filter and order of the list as the address has them. What does not fit is left out. */
export function readJobFilter(search: Record<string, unknown>): JobFilter {
  const filter: JobFilter = {};
  for (const name of TEXTS) {
    const value = search[name];
    if (typeof value === 'string' && value !== '') {
      filter[name] = value;
    }
  }
  const words = Array.isArray(search.status) ? search.status : String(search.status ?? '').split(',');
  const statuses = STATUSES.filter(status => words.includes(status));
  if (statuses.length > 0) {
    filter.status = statuses;
  }
  const sort = SORTS.find(known => known === search.sort);
  if (sort !== undefined && sort !== '-created_at') {
    filter.sort = sort;
  }
  return filter;
}
