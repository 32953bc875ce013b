import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { ApiError } from '../../api/client';
import type { Page, Problem } from '../../api/types';
import { type ReportQuestion, reportAddress } from './filter';
import type { JobUsage, Usage } from './types';

export function usageQuery(question: ReportQuestion, isByVersion: boolean) {
  return queryOptions({
    queryKey: ['reports', 'usage', question, isByVersion],
    queryFn: ({ signal }) => read<Usage>(reportAddress('usage', { question, format: 'json', isByVersion }), signal),
    placeholderData: keepPreviousData,
    staleTime: 15_000,
  });
}

/** The jobs that a row of the usage is made of. */
export function proofQuery(question: ReportQuestion) {
  return infiniteQueryOptions({
    queryKey: ['reports', 'proof', question],
    queryFn: ({ pageParam, signal }) => {
      const known = Object.entries({ ...question, limit: '100', cursor: pageParam });
      const query = known.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
      return read<Page<JobUsage>>(`/api/v1/reports/usage/jobs?${new URLSearchParams(query)}`, signal);
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: page => page.next ?? undefined,
    staleTime: 15_000,
  });
}

async function read<T>(address: string, signal: AbortSignal): Promise<T> {
  const response = await fetch(address, { signal });
  if (!response.ok) {
    const problem = (await response.json().catch(() => undefined)) as Partial<Problem> | undefined;
    throw new ApiError(response.status, problem?.detail ?? `The server answered with status ${response.status}.`);
  }
  return response.json() as Promise<T>;
}
