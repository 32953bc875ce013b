import { readFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { PHONE } from './support/browser';
import { told } from './support/people';
import { button } from './support/steps';
import { soon, test } from './support/test';

test('who did what can be read, and narrowed down', async ({ server, lab, visit }) => {
  const customer = await lab.welcome();
  await lab.describe();
  const job = await lab.open('scan-1', { for: customer });
  await told(
    lab.api.PATCH('/api/v1/jobs/{id}', {
      params: { path: { id: job.id } },
      body: { provider_job_name: 'Second try' },
    }),
  );
  await told(lab.api.POST('/api/v1/api-keys', { body: { note: 'Pipeline', expires_at: null } }));
  await server.run('user', 'disable', '--email', customer.email);

  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/dashboard');
  await page.getByRole('button', { name: 'Ada Lindqvist' }).click();
  await page.getByRole('menuitem', { name: 'Audit log' }).click();
  await page.getByRole('heading', { name: 'Audit log', level: 1 }).waitFor();
  const rows = page.getByRole('row');
  await rows.filter({ hasText: 'You made an API key' }).waitFor();
  await rows.filter({ hasText: 'You invited a customer' }).waitFor();
  expect(await page.content()).not.toContain('Second try');

  await page.getByLabel('What').selectOption('Jobs');
  await soon(() => rows.filter({ hasText: 'You corrected a job' }).count()).toBe(1);
  await soon(() => rows.filter({ hasText: 'API key' }).count()).toBe(0);
  expect(new URL(page.url()).searchParams.get('group')).toBe('jobs');
  await page.reload();
  await page.getByRole('link', { name: 'Show the job' }).click();
  await page.getByRole('heading', { name: 'Second try' }).waitFor();
});

test("a customer's log is their own, also on a phone", async ({ lab, visit }) => {
  const customer = await lab.welcome();
  await told(lab.api.POST('/api/v1/api-keys', { body: { note: 'Pipeline', expires_at: null } }));
  const ines = await visit({ viewport: PHONE });
  await ines.signIn(customer);
  const page = await ines.open('/audit-log');
  await page.getByText('You signed in').first().waitFor();
  expect(await page.getByText('made an API key').count()).toBe(0);
});

test('one takes along what is kept of one', async ({ lab, visit }) => {
  const customer = await lab.welcome();
  await lab.describe();
  await lab.open('scan-1', { for: customer });
  const ines = await visit();
  await ines.signIn(customer);
  const page = await ines.open('/profile');
  const saved = page.waitForEvent('download');
  await button(page, 'Download my data').click();
  const file = await saved;
  expect(file.suggestedFilename()).toMatch(/^milepost-\d{4}-\d\d-\d\d\.json$/);
  const content = await readFile(await file.path(), 'utf8');
  expect(() => JSON.parse(content)).not.toThrow();
  expect(content).toContain(customer.email);
  expect(content).toContain('scan-1');
});
