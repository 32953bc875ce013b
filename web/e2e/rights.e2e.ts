import { expect } from 'vitest';
import { Lab, told } from './support/people';
import { arrivesAt, isLive, rowOf } from './support/steps';
import { soon, test } from './support/test';

/** Within so long a page says that a job is not shared any more. */
const LIMIT = 2_000;

test('a job that is taken away while one watches shows nothing more', async ({ lab, visit }) => {
  await lab.describe();
  const person = await lab.welcome();
  const job = await lab.open('scan-1', { for: person });
  await lab.report('scan-1', 'info', 'import', { name: 'Good morning' });
  const ines = await visit();
  await ines.signIn(person);
  const page = await ines.open(`/jobs/${job.id}`);
  await page.getByText('Good morning').first().waitFor();
  await isLive(page);
  ines.expect(/404 GET .*\/api\/v1\/jobs\//);

  const params = { path: { id: job.id } };
  await told(lab.api.PATCH('/api/v1/jobs/{id}', { params, body: { customer_id: null } }));
  await page.getByRole('alert').getByText('No longer shared with you').waitFor({ timeout: LIMIT });
  await lab.report('scan-1', 'error', 'segment', { name: 'Not for your eyes' });
  expect(await page.getByText('Good morning').count()).toBe(0);
  await page.getByRole('link', { name: 'Back to the jobs' }).click();
  await page.getByRole('heading', { name: 'No jobs yet' }).waitFor();
  expect(await page.content()).not.toContain('Not for your eyes');
  await page.goto(`/jobs/${job.id}`);
  await page.getByRole('heading', { name: 'Not available' }).waitFor();
});

test('a job that is given to somebody appears to them, and goes from the other', async ({ lab, visit }) => {
  await lab.describe();
  const [ines, tom] = [await lab.welcome(), await lab.welcome('tom@harbour.example', 'Tom', 'Okafor')];
  const job = await lab.open('scan-1', { for: ines });
  await lab.report('scan-1', 'step', 'import');
  const [hers, his] = [await visit(), await visit()];
  await Promise.all([hers.signIn(ines), his.signIn(tom)]);
  const [one, other] = [await hers.open('/jobs'), await his.open('/jobs')];
  await rowOf(one, 'scan-1').waitFor();
  await other.getByRole('heading', { name: 'No jobs yet' }).waitFor();
  await Promise.all([isLive(one), isLive(other)]);
  const params = { path: { id: job.id } };
  await told(lab.api.PATCH('/api/v1/jobs/{id}', { params, body: { customer_id: tom.user.id } }));
  await rowOf(other, 'scan-1').waitFor();
  await soon(() => rowOf(one, 'scan-1').count()).toBe(0);
});

test("a stranger's job is not there, nor are a provider's pages", async ({ server, lab, visit }) => {
  await lab.describe();
  const job = await lab.open('scan-1');
  const bo = await Lab.found(server, 'bo@beacon.example');
  const person = await lab.welcome();
  for (const stranger of [bo, person]) {
    const visitor = await visit();
    await visitor.signIn(stranger);
    visitor.expect(/404 GET .*\/api\/v1\/jobs\//);
    const page = await visitor.open(`/jobs/${job.id}`);
    await page.getByRole('heading', { name: 'Not available' }).waitFor();
    expect(await page.content()).not.toContain('scan-1');
  }
  const ines = await visit();
  await ines.signIn(person);
  for (const path of ['/dashboard', '/configurations', '/configurations/new', '/customers', '/getting-started']) {
    await arrivesAt(await ines.open(path), '/jobs');
  }
});

test('a customer who is unlinked sees nothing any more', async ({ lab, visit }) => {
  await lab.describe();
  const person = await lab.welcome();
  const job = await lab.open('scan-1', { for: person });
  await lab.report('scan-1', 'step', 'import');
  const ines = await visit();
  await ines.signIn(person);
  const [list, page] = [await ines.open('/jobs'), await ines.open(`/jobs/${job.id}`)];
  await rowOf(list, 'scan-1').waitFor();
  await Promise.all([isLive(list), isLive(page)]);
  ines.expect(/404 GET .*\/api\/v1\/jobs\//);
  const { items } = await told(lab.api.GET('/api/v1/customers'));
  await told(lab.api.DELETE('/api/v1/customers/{id}', { params: { path: { id: items[0]?.id ?? '' } } }));
  await page.getByText('No longer shared with you').waitFor();
  await list.getByRole('heading', { name: 'No jobs yet' }).waitFor();
});
