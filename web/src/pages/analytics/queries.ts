import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { ApiError } from '../../api/client';
import type { Problem } from '../../api/types';
import type { Question } from './filter';
import type { Customers, Fields, JobFigures, Steps } from './types';

export const analyticsKey = ['analytics'] as const;

function analyticsQuery<T>(name: string, question: object) {
  return queryOptions({
    queryKey: [...analyticsKey, name, question],
    queryFn: ({ signal }) => read<T>(`/api/v1/analytics/${name}`, question, signal),
    // What is shown stays until the next is there.
    placeholderData: keepPreviousData,
    staleTime: 15_000,
  });
}

async function read<T>(path: string, query: object, signal: AbortSignal): Promise<T> {
  const known = Object.entries(query).filter(([, value]) => value !== undefined);
  const response = await fetch(
    `${path}?${new URLSearchParams(known.map(([name, value]) => [name, String(value)]))}`,
    {
      signal,
    },
  );
  if (!response.ok) {
    const problem = (await response.json().catch(() => undefined)) as Partial<Problem> | undefined;
    throw new ApiError(response.status, problem?.detail ?? `The server answered with status ${response.status}.`);
  }
  return response.json() as Promise<T>;
}

export const jobFigures = (question: Question) => analyticsQuery<JobFigures>('jobs', question);
export const stepFigures = (question: Question) => analyticsQuery<Steps>('steps', question);
export const customerFigures = (question: Question) => analyticsQuery<Customers>('customers', question);
export const fieldFigures = (question: Question & { tag: string; step: string }) =>
  analyticsQuery<Fields>('metadata', question);
