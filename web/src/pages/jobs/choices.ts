import { queryOptions } from '@tanstack/react-query';
import { answer, api } from '../../api/client';
import type { Configuration, Customer, Page } from '../../api/types';

/** The most that a menu offers; what lies beyond is found by typing it. */
const MOST_PAGES = 5;

/** The provider's configurations, the newest version of each tag. */
export const tagChoices = queryOptions({
  queryKey: ['job-configurations', 'choices'],
  queryFn: ({ signal }) =>
    readPages<Configuration>(cursor =>
      answer(api.GET('/api/v1/job-configurations', { params: { query: { limit: 200, cursor } }, signal })),
    ),
  staleTime: 30_000,
});

/** The provider's customers. */
export const customerChoices = queryOptions({
  queryKey: ['customers', 'choices'],
  queryFn: ({ signal }) =>
    readPages<Customer>(cursor =>
      answer(api.GET('/api/v1/customers', { params: { query: { limit: 200, cursor } }, signal })),
    ),
  staleTime: 30_000,
});

async function readPages<T>(read: (cursor: string | undefined) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  for (let count = 0; count < MOST_PAGES; count += 1) {
    const page = await read(cursor);
    items.push(...page.items);
    if (page.next === null) {
      break;
    }
    cursor = page.next;
  }
  return items;
}

/** What a customer is called: the organization or name, and the address. */
export function customerLabel({ organization, first_name, last_name, email }: Customer): string {
  const name = organization ?? [first_name, last_name].filter(Boolean).join(' ');
  return name === '' ? email : `${name} · ${email}`;
}
