import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { answer, api } from '../../api/client';
import type { UsageReport } from '../../api/types';
import type { ReportQuestion } from './filter';

export function usageQuery(question: ReportQuestion, by_version: boolean) {
  return queryOptions({
    queryKey: ['reports', 'usage', question, by_version],
    queryFn: async ({ signal }) => {
      const query = { ...question, by_version, format: 'json' as const };
      // Asked for as JSON, it is no file.
      return (await answer(api.GET('/api/v1/reports/usage', { params: { query }, signal }))) as UsageReport;
    },
    placeholderData: keepPreviousData,
    staleTime: 15_000,
  });
}

/** The jobs that a row of the usage is made of. */
export function proofQuery(question: ReportQuestion) {
  return infiniteQueryOptions({
    queryKey: ['reports', 'proof', question],
    queryFn: ({ pageParam, signal }) => {
      const query = { ...question, limit: 100, cursor: pageParam };
      return answer(api.GET('/api/v1/reports/usage/jobs', { params: { query }, signal }));
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: page => page.next ?? undefined,
    staleTime: 15_000,
  });
}
