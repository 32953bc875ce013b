import { expect } from 'vitest';
import { button, copied, dialog, field, textOf } from './support/steps';
import { soon, test } from './support/test';

test('a key is made, shown once, used, rotated and expired', async ({ server, lab, visit }) => {
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/api-keys');
  const works = async (key: string) => {
    const answer = await fetch(`${server.url}/api/v1/api-keys/protected`, { headers: { 'x-api-key': key } });
    return answer.status;
  };

  await page.getByRole('heading', { name: 'No keys yet' }).waitFor();
  await button(page, 'Create a key').click();
  const making = dialog(page, 'Create a key');
  await field(making, 'What is it for?').fill('Scanner room 2');
  await making.getByText('A year', { exact: true }).click();
  await button(making, 'Create the key').click();
  const shown = dialog(page, 'Copy your key now');
  const key = await textOf(shown.getByRole('group', { name: 'the key' }));
  expect(key).toMatch(/^mp_\w+$/);
  await button(shown, 'Copy the key').click();
  await soon(() => copied(page)).toBe(key);
  await page.keyboard.press('Escape');
  await shown.waitFor();
  expect(await works(key)).toBe(200);
  await button(shown, 'I have stored it').click();
  await shown.waitFor({ state: 'detached' });
  await page.reload();
  const row = page.getByRole('row', { name: /Scanner room 2/ });
  await row.waitFor();
  expect(await page.content()).not.toContain(key);
  expect(await textOf(row)).toMatch(/Read and write/);

  await row.getByRole('button', { name: /^Rotate/ }).click();
  await button(dialog(page, 'Rotate this key?'), 'Rotate').click();
  const rotated = dialog(page, 'Copy your key now');
  const second = await textOf(rotated.getByRole('group', { name: 'the key' }));
  expect(second).not.toBe(key);
  expect([await works(key), await works(second)]).toEqual([200, 200]);
  await button(rotated, 'I have stored it').click();

  await soon(() => page.getByRole('row', { name: /Scanner room 2/ }).count()).toBe(2);
  for (const left of [1, 0]) {
    await page
      .getByRole('button', { name: /^Expire now/ })
      .first()
      .click();
    await button(dialog(page, 'Expire this key now?'), 'Expire now').click();
    await soon(() => page.getByRole('button', { name: /^Expire now/ }).count()).toBe(left);
  }
  expect([await works(key), await works(second)]).toEqual([401, 401]);
  await page.getByRole('heading', { name: 'Expired' }).waitFor();
});

test('a key about to end is warned of, here and on the dashboard', async ({ lab, visit }) => {
  const expires_at = new Date(Date.now() + 2 * 86_400_000).toISOString();
  await lab.api.POST('/api/v1/api-keys', { body: { note: 'Old pipeline', expires_at } });
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/api-keys');
  await page.locator('[data-expiry=imminent]').waitFor();
  await page.getByRole('link', { name: 'Dashboard' }).click();
  await page.getByRole('region', { name: 'Keys about to end' }).getByText('Old pipeline').waitFor();
});

test('a refused key says why at its field', async ({ lab, visit }) => {
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/api-keys');
  ada.expect(/422 POST .*\/api-keys$/);
  await button(page, 'Create a key').click();
  const making = dialog(page, 'Create a key');
  // A control character is no text: the server refuses it.
  await field(making, 'What is it for?').fill('Scanner \u0000 room');
  await button(making, 'Create the key').click();
  await soon(() => field(making, 'What is it for?').getAttribute('aria-invalid')).toBe('true');
});

test('a customer makes a key that only reads', async ({ server, lab, visit }) => {
  const person = await lab.welcome();
  const ines = await visit();
  await ines.signIn(person);
  const page = await ines.open('/api-keys');
  await button(page, 'Create a key').click();
  const making = dialog(page, 'Create a key');
  expect(await making.getByLabel('Read and write').count()).toBe(0);
  await field(making, 'What is it for?').fill('Ward screen');
  await button(making, 'Create the key').click();
  const shown = dialog(page, 'Copy your key now');
  const key = await textOf(shown.getByRole('group', { name: 'the key' }));
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  expect((await fetch(`${server.url}/api/v1/jobs`, { headers })).status).toBe(200);
  const writing = await fetch(`${server.url}/api/v1/events`, { method: 'POST', headers, body: '{}' });
  expect(writing.status).toBe(403);
});
