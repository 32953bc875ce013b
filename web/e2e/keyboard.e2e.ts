import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { arrivesAt, button, dialog, field, rowOf } from './support/steps';
import { soon, test } from './support/test';

test('everything is reached, and everything is left, with the keyboard alone', async ({ lab, visit }) => {
  await lab.describe();
  await lab.open('scan-1', { name: 'Subject one' });
  await lab.open('scan-2', { name: 'Subject two' });
  await lab.report('scan-2', 'error', 'import', { name: 'Unreadable' });
  const ada = await visit();
  const page = await ada.open('/');
  const keys = page.keyboard;

  await hasFocus(field(page, 'E-mail'));
  await keys.type(lab.email);
  await keys.press('Tab');
  await keys.type(lab.password);
  await keys.press('Enter');
  await arrivesAt(page, '/dashboard');
  await page.getByRole('heading', { name: 'Dashboard' }).waitFor();

  await page.reload();
  await page.getByRole('heading', { name: 'Dashboard' }).waitFor();
  await keys.press('Tab');
  await hasFocus(page.getByRole('link', { name: 'Skip to the content' }));
  await keys.press('Enter');
  await soon(() => page.evaluate(() => document.activeElement?.id)).toBe('content');

  await page.reload();
  await tabTo(page, page.getByRole('link', { name: 'Jobs', exact: true }));
  await keys.press('Enter');
  await arrivesAt(page, '/jobs');
  await rowOf(page, 'scan-1').waitFor();
  await tabTo(page, button(page.locator('search'), 'Error'));
  await keys.press('Space');
  await soon(() => rowOf(page, 'scan-1').count()).toBe(0);
  await tabTo(page, page.getByRole('link', { name: 'Subject two' }));
  await keys.press('Enter');
  await page.getByRole('region', { name: 'Unreadable' }).waitFor();
  await tabTo(page, page.getByRole('button', { name: 'Error', exact: true }));
  await keys.press('Enter');
  await soon(() => new URL(page.url()).searchParams.get('kind')).toBe('error');
  await tabTo(page, page.getByRole('region', { name: 'Events, newest first' }));

  await tabTo(page, page.getByRole('button', { name: /^Correct/ }));
  const correcting = dialog(page, 'Correct this job');
  await keys.press('Enter');
  await hasFocus(field(correcting, 'Name'));
  await keys.press('Escape');
  await correcting.waitFor({ state: 'detached' });
  await hasFocus(page.getByRole('button', { name: /^Correct/ }));

  await tabTo(page, page.getByRole('button', { name: 'Ada Lindqvist' }));
  await keys.press('Enter');
  await page.getByRole('menuitem', { name: 'Profile and password' }).waitFor();
  await keys.press('Escape');
  await hasFocus(page.getByRole('button', { name: 'Ada Lindqvist' }));
});

test('a dialog keeps the focus, and gives it back', async ({ lab, visit }) => {
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/api-keys');
  const keys = page.keyboard;
  const create = button(page, 'Create a key').first();
  await create.waitFor();
  await tabTo(page, create);
  await keys.press('Enter');
  const making = dialog(page, 'Create a key');
  await hasFocus(field(making, 'What is it for?'));
  for (let presses = 0; presses < 15; presses += 1) {
    await keys.press(presses % 5 === 4 ? 'Shift+Tab' : 'Tab');
    expect(await making.evaluate(element => element.contains(document.activeElement))).toBe(true);
  }
  await keys.press('Escape');
  await making.waitFor({ state: 'detached' });
  await hasFocus(create);

  await keys.press('Enter');
  await hasFocus(field(making, 'What is it for?'));
  await keys.type('By keyboard');
  await keys.press('Enter');
  const shown = dialog(page, 'Copy your key now');
  await hasFocus(button(shown, 'I have stored it'));
  await keys.press('Enter');
  await shown.waitFor({ state: 'detached' });
  await page.getByRole('row', { name: /By keyboard/ }).waitFor();
});

async function hasFocus(element: Locator): Promise<void> {
  await soon(() => element.evaluate(node => node === document.activeElement)).toBe(true);
}

/** Presses Tab until the focus is where it should be. */
async function tabTo(page: Page, element: Locator): Promise<void> {
  await element.waitFor();
  for (let presses = 0; presses < 80; presses += 1) {
    if (await element.evaluate(node => node === document.activeElement)) {
      return;
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`The keyboard does not reach ${element}`);
}
