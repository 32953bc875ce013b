import { expect } from 'vitest';
import { BRAIN } from './support/people';
import { arrivesAt, button, choose, dialog, field, stepOf } from './support/steps';
import { soon, test } from './support/test';

test('a new version is registered, compared, and shown', async ({ lab, visit }) => {
  await lab.describe();
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/configurations');
  await page.getByRole('link', { name: 'Brain volumes', exact: true }).click();
  await page.getByText('100 points').first().waitFor();
  await page.getByRole('link', { name: 'New version' }).click();
  await page.getByRole('heading', { name: 'New version of Brain volumes' }).waitFor();
  expect(await field(page, 'Version').inputValue()).not.toBe('1.0.0');
  await page.getByText('2.0.0', { exact: true }).click();
  await field(stepOf(page, 4), 'Points').fill('30');
  await button(page, 'Move step 4 up').click();
  await soon(() => field(stepOf(page, 3), 'Tag').inputValue()).toBe('check');
  await button(page, 'Remove step 2').click();
  await page.getByText('95 points').waitFor();
  await button(page, 'Register').click();
  await arrivesAt(page, '/configurations/brain-volumes');
  await page.getByText('95 points').first().waitFor();

  await field(page, 'Compared with').selectOption('1.0.0');
  await page.getByRole('heading', { name: 'From 1.0.0 to 2.0.0' }).waitFor();
  await page.getByRole('listitem').filter({ hasText: 'Removed' }).getByText('Remove noise').waitFor();
  await page.getByRole('listitem').filter({ hasText: 'Changed' }).getByText('30 points').waitFor();
  expect(new URL(page.url()).searchParams.get('compare')).toBe('1.0.0');
  await page.goBack();
  await page.getByRole('heading', { name: 'Steps' }).waitFor();
});

test('how long a job may be silent is set for all versions, and left to the server again', async ({ lab, visit }) => {
  await lab.describe();
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/configurations/brain-volumes');
  const section = page.locator('section').filter({ has: page.getByRole('heading', { name: 'Silent jobs' }) });
  const minutes = field(section, 'Minutes without news');
  await soon(() => minutes.isDisabled()).toBe(true);
  await section.getByRole('radio', { name: 'for', exact: true }).check();
  await minutes.fill('1');
  await section.getByText('From 2 minutes to 30 days').waitFor();
  await minutes.fill('20');
  await button(section, 'Save').click();
  await page.getByText('The limit is saved.').waitFor();
  await page.reload();
  await soon(() => minutes.inputValue()).toBe('20 min');
  const set = async () => {
    const params = { path: { tag: 'brain-volumes' } };
    return (await lab.api.GET('/api/v1/configuration-settings/{tag}', { params })).data?.silence_limit;
  };
  expect(await set()).toBe(1_200);
  await section.getByRole('radio', { name: /longer than its step/ }).check();
  await button(section, 'Save').click();
  await soon(set).toBeNull();
});

test('other content for a version that exists is refused, with what differs and a way on', async ({ lab, visit }) => {
  await lab.describe();
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/configurations/new');
  ada.expect(/409 POST .*\/job-configurations$/);
  await choose(page, 'How to edit', 'JSON');
  const other = { ...BRAIN, name: 'Brain volumes, with care' };
  await page.getByRole('textbox', { name: 'The configuration as JSON' }).fill(JSON.stringify(other, null, 2));
  await button(page, 'Register').click();
  const conflict = page
    .getByRole('alert')
    .filter({ hasText: 'brain-volumes 1.0.0 is registered with other content' });
  await conflict.getByText('Brain volumes, with care').waitFor();
  await conflict.getByRole('button', { name: 'Make it version' }).click();
  await button(page, 'Register').click();
  await arrivesAt(page, '/configurations/brain-volumes');
  await page.getByRole('heading', { name: 'Brain volumes, with care' }).waitFor();
});

test('a version that is too small a step is told before it is registered, and on its page', async ({
  lab,
  visit,
}) => {
  await lab.describe();
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/configurations/new?from=brain-volumes@1.0.0');
  await field(page, 'Version').fill('1.0.1');
  await field(stepOf(page, 1), 'Points').fill('30');
  const told = page.getByRole('status').filter({ hasText: 'that needs version 2.0.0; this is 1.0.1.' });
  await told.getByText(/points of step \S+ changed from \d+ to 30/).waitFor();
  await button(told, 'Make it version 2.0.0').click();
  await page.getByText('need a major step, which this is').waitFor();
  expect(await field(page, 'Version').inputValue()).toBe('2.0.0');
  await field(page, 'Version').fill('1.0.1');
  await told.waitFor();
  await button(page, 'Register').click();
  await arrivesAt(page, '/configurations/brain-volumes');
  const alert = page.getByRole('alert').filter({ hasText: 'that needs version 2.0.0; registered as 1.0.1.' });
  await alert.getByRole('link', { name: 'Compare with 1.0.0' }).click();
  await page.getByRole('heading', { name: 'From 1.0.0 to 1.0.1' }).waitFor();
});

test('what was typed is not lost by a click elsewhere', async ({ lab, visit }) => {
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/configurations/new');
  await field(page, 'Tag').first().fill('bones');
  await page.getByRole('link', { name: 'Dashboard' }).click();
  await button(dialog(page, 'Leave without registering it?'), 'Stay').click();
  expect(await field(page, 'Tag').first().inputValue()).toBe('bones');
  await page.getByRole('link', { name: 'Dashboard' }).click();
  await button(dialog(page, 'Leave without registering it?'), 'Leave').click();
  await soon(() => new URL(page.url()).pathname).toBe('/dashboard');
});
