import type { JobListItem } from '../../api/types';
import type { JobPages } from '../lists';

/** A job opened that many minutes after noon. */
export function job(id: string, minute: number, rest: Partial<JobListItem> = {}): JobListItem {
  const created_at = `2026-11-22T12:${String(minute).padStart(2, '0')}:00Z`;
  const times = {
    started_at: null,
    finished_at: null,
    last_event_at: null,
    anonymised_at: null,
    silent_since: null,
    created_at,
    updated_at: created_at,
  };
  const people = { provider_id: 'p', provider_name: 'Lab', customer_id: null, customer_email: null };
  const kind = { job_configuration_id: 'c', tag: 'brain', version: '1.0.0' };
  const state = { status: 'pending' as const, progress: 0, points: { done: 0, total: 1 }, last_sequence: 0 };
  return { id, provider_job_id: id, provider_job_name: id, ...times, ...people, ...kind, ...state, ...rest };
}

export function pages(...ids: JobListItem[][]): JobPages {
  const last = ids.length - 1;
  const page = (items: JobListItem[], index: number) => ({ items, next: index === last ? null : `after-${index}` });
  return {
    pages: ids.map(page),
    pageParams: ids.map((_, index) => (index === 0 ? undefined : `after-${index - 1}`)),
  };
}
