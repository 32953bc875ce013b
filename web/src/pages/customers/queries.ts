import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { answer, api } from '../../api/client';
import { readPages } from '../../api/pages';

export const customerKeys = {
  all: ['customers'] as const,
  list: ['customers', 'list'] as const,
  choices: ['customers', 'choices'] as const,
};

export const customersQuery = infiniteQueryOptions({
  queryKey: customerKeys.list,
  queryFn: ({ pageParam, signal }) =>
    answer(api.GET('/api/v1/customers', { params: { query: { limit: 50, cursor: pageParam } }, signal })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: page => page.next ?? undefined,
});

/** So many pages of customers are read to choose one from: 2,000 customers. */
const MOST_PAGES = 10;

/** The provider's customers, for choosing one. */
export const customerChoices = queryOptions({
  queryKey: customerKeys.choices,
  queryFn: ({ signal }) =>
    readPages(
      cursor => answer(api.GET('/api/v1/customers', { params: { query: { limit: 200, cursor } }, signal })),
      MOST_PAGES,
    ),
  staleTime: 10_000,
});
