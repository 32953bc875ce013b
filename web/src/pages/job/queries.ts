import { queryOptions } from '@tanstack/react-query';
import { answer, api } from '../../api/client';
import type { Customer } from '../../api/types';

/** How this job's numbers stand among those of the other jobs of its configuration. */
export function distributionsQuery(id: string, enabled: boolean) {
  return queryOptions({
    queryKey: ['jobs', 'distributions', id],
    queryFn: ({ signal }) => answer(api.GET('/api/v1/jobs/{id}/distributions', { params: { path: { id } }, signal })),
    enabled,
    staleTime: 60_000,
  });
}

/** So many pages of customers are read to choose one from: 2,000 customers. */
const MOST_PAGES = 10;

/** The provider's customers, for choosing one. */
export const recipientsQuery = queryOptions({
  queryKey: ['customers', 'all'],
  queryFn: async ({ signal }) => {
    const customers: Customer[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < MOST_PAGES; page++) {
      const query = { limit: 200, cursor };
      const { items, next } = await answer(api.GET('/api/v1/customers', { params: { query }, signal }));
      customers.push(...items);
      if (next === null) {
        break;
      }
      cursor = next;
    }
    return customers;
  },
  staleTime: 10_000,
});
