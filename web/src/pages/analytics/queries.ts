import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { answer, api } from '../../api/client';
import type { Question } from './filter';

export const analyticsKey = ['analytics'] as const;

/** What is shown stays until the next is there. */
const KEPT = { placeholderData: keepPreviousData, staleTime: 15_000 } as const;

export function jobFigures(query: Question) {
  return queryOptions({
    queryKey: [...analyticsKey, 'jobs', query],
    queryFn: ({ signal }) => answer(api.GET('/api/v1/analytics/jobs', { params: { query }, signal })),
    ...KEPT,
  });
}

export function stepFigures(query: Question) {
  return queryOptions({
    queryKey: [...analyticsKey, 'steps', query],
    queryFn: ({ signal }) => answer(api.GET('/api/v1/analytics/steps', { params: { query }, signal })),
    ...KEPT,
  });
}

/** The numbers that a step has measured. */
export function fieldFigures(query: Question & { tag: string; step: string }) {
  return queryOptions({
    queryKey: [...analyticsKey, 'metadata', query],
    queryFn: ({ signal }) => answer(api.GET('/api/v1/analytics/metadata', { params: { query }, signal })),
    ...KEPT,
  });
}

export function customerFigures(query: Question) {
  return queryOptions({
    queryKey: [...analyticsKey, 'customers', query],
    queryFn: ({ signal }) => answer(api.GET('/api/v1/analytics/customers', { params: { query }, signal })),
    ...KEPT,
  });
}
