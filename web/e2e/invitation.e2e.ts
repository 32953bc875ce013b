import { expect } from 'vitest';
import { Lab, PASSWORD } from './support/people';
import { arrivesAt, button, field } from './support/steps';
import { test } from './support/test';

test('an invited person makes an account and sees their jobs', async ({ lab, visit }) => {
  await lab.describe();
  const link = await lab.invite('ines@clinic.example');
  const ines = await visit();
  const page = await ines.open(link);
  await page.getByText('ines@clinic.example').first().waitFor();
  await field(page, 'First name').fill('Ines');
  await field(page, 'Last name').fill('Moreau');
  await field(page, 'Password').fill('short');
  await button(page, 'Make the account and accept').click();
  await page.getByText('Too short: 3 more characters are needed.').waitFor();
  await field(page, 'Password').fill(PASSWORD);
  await button(page, 'Make the account and accept').click();
  await arrivesAt(page, '/jobs');
  await page.getByRole('heading', { level: 1 }).waitFor();
  expect(await page.getByRole('navigation', { name: 'Pages' }).count()).toBe(0);
});

test('somebody with an account signs in to accept', async ({ server, lab, visit }) => {
  await lab.welcome('ines@clinic.example');
  const other = await Lab.found(server, 'bo@beacon.example');
  const link = await other.invite('ines@clinic.example');
  const ines = await visit();
  const page = await ines.open(link);
  ines.expect(/401 POST .*\/login$/);
  await field(page, 'Password').fill('not my password');
  await button(page, 'Sign in and accept').click();
  await page.getByRole('alert').waitFor();
  await field(page, 'Password').fill(PASSWORD);
  await button(page, 'Sign in and accept').click();
  await arrivesAt(page, '/jobs');
});

test('somebody who is signed in accepts with one click', async ({ server, lab, visit }) => {
  const person = await lab.welcome('ines@clinic.example');
  const other = await Lab.found(server, 'bo@beacon.example');
  const ines = await visit();
  await ines.signIn(person);
  const page = await ines.open(await other.invite('ines@clinic.example'));
  await button(page, 'Accept').click();
  await arrivesAt(page, '/jobs');
});

test('somebody else is told, and may sign out and go on', async ({ lab, visit }) => {
  const tom = await lab.welcome('tom@harbour.example', 'Tom', 'Okafor');
  const link = await lab.invite('ines@clinic.example');
  const shared = await visit();
  await shared.signIn(tom);
  const page = await shared.open(link);
  await page.getByText('You are signed in as tom@harbour.example, but this invitation is for').waitFor();
  await button(page, 'Sign out and go on').click();
  await button(page, 'Make the account and accept').waitFor();
});

test('a provider is told that they cannot be a customer too', async ({ server, lab, visit }) => {
  const bo = await Lab.found(server, 'bo@beacon.example');
  const theirs = await visit();
  await theirs.signIn(bo);
  const page = await theirs.open(await lab.invite('bo@beacon.example'));
  await page.getByText('a provider cannot be a customer too').waitFor();
});

test('a link that was used, replaced or made up is not valid', async ({ lab, visit }) => {
  const used = await lab.invite('tom@harbour.example');
  const replaced = await lab.invite('ines@clinic.example');
  await lab.invite('ines@clinic.example');
  await lab.accept(used, 'Tom', 'Okafor');
  const stranger = await visit();
  stranger.expect(/404 GET .*\/invitations\//);
  for (const link of [used, replaced, '/invitations/made-up']) {
    const page = await stranger.open(link);
    await page.getByRole('heading', { name: 'This invitation is not valid' }).waitFor();
    await page.getByRole('link', { name: 'sign in' }).waitFor();
  }
});
