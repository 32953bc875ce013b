import { expect } from 'vitest';
import { PHONE } from './support/browser';
import { PASSWORD, Person } from './support/people';
import { arrivesAt, button, field, isLive, progressOf, rowOf, typeSignIn } from './support/steps';
import { soon, test } from './support/test';

test('a customer watches their job to the end, with the server killed in the middle', async ({
  server,
  lab,
  visit,
}) => {
  await lab.describe();
  const ines = await visit();
  ines.expectOutage();
  const page = await ines.open(await lab.invite('ines@clinic.example'));
  await field(page, 'First name').fill('Ines');
  await field(page, 'Last name').fill('Moreau');
  await field(page, 'Password').fill(PASSWORD);
  await button(page, 'Make the account and accept').click();
  await page.getByRole('heading', { name: 'No jobs yet' }).waitFor();
  await isLive(page);

  const person = await Person.signIn(server, 'ines@clinic.example', PASSWORD);
  const job = await lab.open('scan-17', { for: person, name: 'Brain volumes, subject 117' });
  await lab.report('scan-17', 'step', 'import', { event_metadata: { Protocol: 'T1, 3 tesla' } });
  await rowOf(page, 'scan-17').getByText('5 %').waitFor();
  await page.getByRole('link', { name: 'Brain volumes, subject 117' }).click();
  await arrivesAt(page, `/jobs/${job.id}`);
  await page.getByText('T1, 3 tesla').first().waitFor();
  await lab.report('scan-17', 'info', 'segment', { fraction: 0.5, name: 'Half of the slices' });
  await progressOf(page).getByText('30 %', { exact: true }).waitFor();

  await server.kill();
  await page.getByRole('status').getByText('Offline').waitFor();
  expect(await progressOf(page).getByText('30 %', { exact: true }).count()).toBe(1);
  await server.restart();
  await lab.report('scan-17', 'step', 'denoise');
  await lab.report('scan-17', 'info', 'segment', { fraction: 0.8, name: 'Most of the slices' });
  await isLive(page);
  await progressOf(page).getByText('60 %', { exact: true }).waitFor();
  await lab.report('scan-17', 'step', 'segment', {
    event_metadata: { 'Brain volume': 1523.4, 'Cortical thickness': 2.51 },
  });
  await lab.report('scan-17', 'error', 'check', { name: 'Motion artefacts in slice 12' });
  await page.getByRole('region', { name: 'Motion artefacts in slice 12' }).waitFor();
  await lab.report('scan-17', 'step', 'check');
  await page.getByRole('region', { name: 'Motion artefacts in slice 12' }).waitFor({ state: 'detached' });
  const celebrated = page.locator('[data-celebrating]').waitFor({ state: 'attached' });
  await lab.report('scan-17', 'complete', 'report', { event_metadata: { Report: 'https://reports.example/17' } });
  await celebrated;
  await progressOf(page).getByText('100 %').waitFor();
  await progressOf(page).getByText('Completed', { exact: true }).waitFor();
  await page.getByText('1,523').first().waitFor();
  expect(
    await page
      .getByRole('link', { name: /reports\.example/ })
      .first()
      .getAttribute('href'),
  ).toBe('https://reports.example/17');

  // Nothing was missed, and nothing is there twice.
  const events = page.getByRole('region', { name: 'Events, newest first' }).getByRole('listitem');
  await soon(() => events.count()).toBe(8);
  await page.getByText('8 events').waitFor();
});

test("on a phone a customer finds last month's job", async ({ lab, visit }) => {
  await lab.describe();
  const ines = await lab.welcome();
  const lastMonth = (minute: number) => new Date(Date.now() - 35 * 86_400_000 + minute * 60_000).toISOString();
  for (const number of [101, 102, 103, 104, 105, 106, 107, 108]) {
    await lab.open(`scan-${number}`, { for: ines, name: `Brain volumes, subject ${number}` });
    await lab.report(`scan-${number}`, 'info', 'import', { occurred_at: lastMonth(number) });
  }
  const volume = { 'Brain volume': 1498.2 };
  await lab.report('scan-103', 'step', 'segment', { event_metadata: volume, occurred_at: lastMonth(120) });
  await lab.report('scan-103', 'complete', undefined, { occurred_at: lastMonth(121) });
  await lab.report('scan-105', 'complete', undefined, { occurred_at: lastMonth(122) });

  const phone = await visit({ viewport: PHONE });
  const page = await phone.open('/jobs');
  await typeSignIn(page, ines.email, PASSWORD);
  const cards = page.getByRole('list', { name: 'Jobs' }).getByRole('listitem');
  await soon(() => cards.count()).toBeGreaterThan(4);
  await button(page, 'Filters').click();
  await button(page.locator('search'), 'Completed').click();
  await soon(() => cards.count()).toBe(2);
  await page.getByRole('searchbox', { name: 'Search by name or id' }).fill('subject 103');
  await soon(() => cards.count()).toBe(1);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
  await cards.first().getByRole('link', { name: 'Brain volumes, subject 103' }).click();
  await page.getByText('1,498').first().waitFor();
  await progressOf(page).getByText('100 %').waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
});
