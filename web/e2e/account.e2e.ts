import { expect } from 'vitest';
import { seriousFindings } from './support/axe';
import { soon, test } from './support/test';

test('a wrong password is said, the right one leads in', async ({ lab, visit }) => {
  const ada = await visit();
  ada.expect(/401 POST .*\/login/);
  const page = await ada.open('/');
  await page.getByLabel('E-mail').fill(lab.email);
  await page.getByLabel('Password', { exact: true }).fill('wrong horse battery');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
  await page.getByLabel('Password', { exact: true }).fill(lab.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await soon(() => new URL(page.url()).pathname).toBe('/dashboard');
  await page.getByText('Live', { exact: true }).waitFor();
  expect(await seriousFindings(page)).toEqual([]);
});
