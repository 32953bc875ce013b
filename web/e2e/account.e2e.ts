import { expect } from 'vitest';
import { PASSWORD } from './support/people';
import { arrivesAt, button, field, isLive, typeSignIn } from './support/steps';
import { soon, test } from './support/test';

test('a wrong password is said, the right one leads where one wanted to go', async ({ lab, visit }) => {
  const ada = await visit();
  const page = await ada.open('/customers');
  await arrivesAt(page, '/sign-in');
  ada.expect(/401 POST .*\/login$/);
  await typeSignIn(page, lab.email, 'wrong horse battery');
  await page
    .getByRole('alert')
    .getByText(/password/i)
    .waitFor();
  await typeSignIn(page, lab.email, lab.password);
  await arrivesAt(page, '/customers');
  await page.getByRole('heading', { name: 'Customers', level: 1 }).waitFor();
  await isLive(page);
});

test('a changed password ends the sessions of other browsers, which go to the sign-in', async ({ lab, visit }) => {
  const [office, home] = [await visit(), await visit()];
  await Promise.all([office.signIn(lab), home.signIn(lab)]);
  const elsewhere = await home.open('/jobs');
  await isLive(elsewhere);
  const page = await office.open('/profile');
  office.expect(/422 POST .*\/users\/me\/password$/);
  home.expect(/401 GET .*\/api\/v1\//);

  await field(page, 'Current password').fill('not my password');
  await field(page, 'New password').fill('staple of the horse');
  await field(page, 'New password again').fill('staple of the house');
  await button(page, 'Change the password').click();
  await page.getByText('This is not the same as above.').waitFor();
  await field(page, 'New password again').fill('staple of the horse');
  await button(page, 'Change the password').click();
  await page.getByText(/not your password/i).waitFor();
  await field(page, 'Current password').fill(lab.password);
  await button(page, 'Change the password').click();
  await page.getByText('Your password is changed.').waitFor();

  await arrivesAt(elsewhere, '/sign-in');
  await page.reload();
  await isLive(page);
  home.expect(/401 POST .*\/login$/);
  await typeSignIn(elsewhere, lab.email, lab.password);
  await elsewhere.getByRole('alert').waitFor();
  await typeSignIn(elsewhere, lab.email, 'staple of the horse');
  await arrivesAt(elsewhere, '/jobs');
});

test('a changed name is shown at once and stays', async ({ lab, visit }) => {
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/profile');
  await field(page, 'First name').fill('Augusta');
  await field(page, 'Organization').fill('Aurora Imaging');
  await button(page, 'Save').click();
  await page.getByText('Your profile is saved.').waitFor();
  await page.getByRole('banner').getByText('Augusta Lindqvist').waitFor();
  await page.reload();
  await soon(() => field(page, 'Organization').inputValue()).toBe('Aurora Imaging');
});

test('who signs out in one tab is signed out in the others', async ({ lab, visit }) => {
  const ada = await visit();
  await ada.signIn(lab);
  const [first, second] = [await ada.open('/jobs'), await ada.open('/api-keys')];
  await Promise.all([isLive(first), isLive(second)]);
  ada.expect(/401 GET .*\/api\/v1\//);
  await first.getByRole('button', { name: 'Ada Lindqvist' }).click();
  await first.getByRole('menuitem', { name: 'Sign out' }).click();
  await arrivesAt(first, '/sign-in');
  await arrivesAt(second, '/sign-in');
  expect(new URL(second.url()).searchParams.get('next')).toBe('/api-keys');
});

test('an account that the operator switches off loses its page', async ({ server, lab, visit }) => {
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/jobs');
  await isLive(page);
  ada.expect(/401 (GET|POST) .*\/api\/v1\//);
  await server.run('user', 'disable', '--email', lab.email);
  await arrivesAt(page, '/sign-in');
  await typeSignIn(page, lab.email, PASSWORD);
  await page.getByRole('alert').waitFor();
});
