import { expect } from 'vitest';
import { arrivesAt, button, dialog, field, isLive, textOf, typeSignIn } from './support/steps';
import { soon, test } from './support/test';

test('one sees where one is signed in, and ends a session there', async ({ lab, visit }) => {
  const [office, home] = [await visit(), await visit()];
  await Promise.all([office.signIn(lab), home.signIn(lab)]);
  const elsewhere = await home.open('/jobs');
  await isLive(elsewhere);
  home.expect(/401 GET .*\/api\/v1\//);

  const page = await office.open('/dashboard');
  await page.getByRole('button', { name: 'Ada Lindqvist' }).click();
  await page.getByRole('menuitem', { name: 'Sessions' }).click();
  await page.getByRole('heading', { name: 'Sessions', level: 1 }).waitFor();
  const rows = page.getByRole('row').filter({ hasText: '127.0.0.1' });
  const others = page.getByRole('button', { name: /^End the session of Chrome/ });
  // That of the one who arranged the test speaks no browser's name.
  await soon(() => rows.count()).toBe(3);
  expect(await textOf(rows.filter({ hasText: 'this session' }))).toMatch(/Chrome on/);

  await others.first().click();
  await arrivesAt(elsewhere, '/sign-in');
  expect(new URL(elsewhere.url()).searchParams.get('next')).toBe('/jobs');
  await soon(() => others.count()).toBe(0);
  await soon(() => rows.count()).toBe(2);
});

test('all others end at once, and one stays signed in', async ({ lab, visit }) => {
  const [office, home] = [await visit(), await visit()];
  await Promise.all([office.signIn(lab), home.signIn(lab)]);
  const elsewhere = await home.open('/jobs');
  await isLive(elsewhere);
  home.expect(/401 GET .*\/api\/v1\//);
  const page = await office.open('/sessions');
  await button(page, 'End all others').click();
  await button(dialog(page, 'End all other sessions?'), 'End all others').click();
  await page.getByText('2 other sessions have ended.').waitFor();
  await arrivesAt(elsewhere, '/sign-in');
  await page.reload();
  await isLive(page);
  await soon(() => button(page, 'End all others').count()).toBe(0);
});

test('a device is remembered where its owner asks for it', async ({ lab, visit }) => {
  const ada = await visit();
  const page = await ada.open('/sign-in');
  const cookie = async () => (await ada.context.cookies()).find(({ name }) => name.includes('milepost'));
  await typeSignIn(page, lab.email, lab.password);
  await arrivesAt(page, '/dashboard');
  ada.expect(/401 GET .*\/api\/v1\//);
  // Gone with the browser.
  expect((await cookie())?.expires).toBe(-1);

  await page.getByRole('button', { name: 'Ada Lindqvist' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await arrivesAt(page, '/sign-in');
  await page.getByLabel('Keep me signed in on this device').check();
  await typeSignIn(page, lab.email, lab.password);
  await arrivesAt(page, '/dashboard');
  const days = ((await cookie())?.expires ?? 0) / 86_400 - Date.now() / 86_400_000;
  expect(days).toBeGreaterThan(13);
  await page.goto('/sessions');
  await page.getByText('stays signed in').waitFor();
});

test('who guesses passwords has to wait, and is told how long', async ({ lab, visit }) => {
  const mallory = await visit();
  mallory.expect(/(401|429) POST .*\/login$/);
  const page = await mallory.open('/sign-in');
  const waiting = page.getByRole('alert').getByText(/too many attempts.*Try again in \d/);
  for (let guess = 0; guess < 30 && (await waiting.count()) === 0; guess += 1) {
    const answered = page.waitForResponse(/\/login$/);
    await typeSignIn(page, lab.email, `guess number ${guess}`);
    await answered;
    await page.getByRole('alert').waitFor();
  }
  await waiting.waitFor();
  expect(await button(page, 'Sign in').isDisabled()).toBe(true);
  expect(await field(page, 'E-mail').inputValue()).toBe(lab.email);
});

test('a password that everybody uses is refused at its field', async ({ lab, visit }) => {
  const ada = await visit();
  await ada.signIn(lab);
  ada.expect(/422 POST .*\/users\/me\/password$/);
  const page = await ada.open('/profile');
  await field(page, 'Current password').fill(lab.password);
  await field(page, 'New password').fill('password1');
  await field(page, 'New password again').fill('password1');
  await button(page, 'Change the password').click();
  await soon(() => field(page, 'New password').getAttribute('aria-invalid')).toBe('true');
  await page.getByText(/common/i).waitFor();
});
