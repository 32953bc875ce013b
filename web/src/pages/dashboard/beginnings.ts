import { queryOptions } from '@tanstack/react-query';
import { answer, api } from '../../api/client';
import { type Beginnings, checklist, NOTHING, nextStep } from './checklist';

/** How often is looked for what no event tells. */
const PAUSE = 4_000;

const newest = { limit: 1 };
const first = <T>(page: { items: T[] }) => page.items[0] ?? null;

/** The first of everything. What has been seen once is not asked for again. */
export const beginningsQuery = queryOptions({
  queryKey: ['beginnings'],
  queryFn: async ({ client, signal }): Promise<Beginnings> => {
    const seen = client.getQueryData<Beginnings>(['beginnings']) ?? NOTHING;
    const withEvents = { ...newest, status: 'running,completed,error' };
    const [key, configuration, job, reported, customer] = await Promise.all([
      seen.key ?? answer(api.GET('/api/v1/api-keys', { params: { query: newest }, signal })).then(first),
      seen.configuration ??
        answer(api.GET('/api/v1/job-configurations', { params: { query: newest }, signal })).then(first),
      seen.job ?? answer(api.GET('/api/v1/jobs', { params: { query: newest }, signal })).then(first),
      seen.reported ?? answer(api.GET('/api/v1/jobs', { params: { query: withEvents }, signal })).then(first),
      seen.customer ?? answer(api.GET('/api/v1/customers', { params: { query: newest }, signal })).then(first),
    ]);
    return { key, configuration, job, reported, customer };
  },
  refetchInterval: query => (nextStep(checklist(query.state.data ?? NOTHING)) === null ? false : PAUSE),
});
