import { expect } from 'vitest';
import type { JobDetail } from '../src/api/types';
import { demoTest as test } from './support/demo';
import { Person } from './support/people';
import { soon } from './support/test';

/** `Done between 14:05 and 14:20`, or about one of them. */
const WHEN = /^Done .*\d{1,2}:\d{2}/;

test('when a job will end, and why, is told to the provider and to the customer', async ({
  server,
  provider,
  visit,
}) => {
  let job: JobDetail | undefined;
  await soon(async () => {
    job = (await underWay(provider)).find(
      ({ customer_email, expected_end }) => customer_email !== null && expected_end?.from,
    );
    return job !== undefined;
  }).toBe(true);
  const { email = '', password = '' } = server.demoPeople.find(person => person.email === job?.customer_email) ?? {};
  for (const person of [provider, await Person.signIn(server, email, password)]) {
    const visitor = await visit();
    await visitor.signIn(person);
    const page = await visitor.open(`/jobs/${job?.id}`);
    const told = page.getByText(WHEN).first();
    await told.waitFor();
    expect(await told.textContent()).toMatch(/from (\d+ of )?\d+ runs? of brain_volumes \d/);
  }
});

async function underWay(provider: Person): Promise<JobDetail[]> {
  const { data } = await provider.api.GET('/api/v1/jobs', { params: { query: { status: 'running' } } });
  const details = (data?.items ?? []).map(async ({ id }) =>
    provider.api.GET('/api/v1/jobs/{id}', { params: { path: { id } } }),
  );
  return (await Promise.all(details)).flatMap(detail => detail.data ?? []);
}
