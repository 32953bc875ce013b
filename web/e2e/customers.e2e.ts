import { expect } from 'vitest';
import { arrivesAt, button, copied, dialog, field, textOf } from './support/steps';
import { soon, test } from './support/test';

test('a customer is invited, invited again, accepts, and is unlinked', async ({ lab, visit }) => {
  await lab.describe();
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/customers');

  await button(page, 'Invite a customer').click();
  await field(dialog(page, 'Invite a customer'), 'Their e-mail address').fill('ines@clinic.example');
  await button(dialog(page, 'Invite a customer'), 'Invite').click();
  const handing = dialog(page, 'Hand this link over');
  const first = await textOf(handing.getByRole('group', { name: 'the link' }));
  await button(handing, 'Copy the message').click();
  await soon(() => copied(page)).toContain(first);
  await button(handing, 'I have copied it').click();
  const row = page.getByRole('row', { name: /ines@clinic\.example/ });
  await row.getByText('Invited', { exact: true }).waitFor();

  await row.getByRole('button', { name: /^Invite again/ }).click();
  await button(dialog(page, 'Invite again'), 'Make a new link').click();
  const second = await textOf(handing.getByRole('group', { name: 'the link' }));
  expect(second).not.toBe(first);
  await button(handing, 'I have copied it').click();
  await expect(lab.accept(first, 'Ines', 'Moreau')).rejects.toThrow(/404/);
  const ines = await lab.accept(second, 'Ines', 'Moreau');
  await lab.open('scan-1', { for: ines });

  await page.reload();
  await page
    .getByRole('row', { name: /Ines Moreau/ })
    .getByText('Accepted')
    .waitFor();
  await page.getByRole('link', { name: 'Jobs of Ines Moreau' }).click();
  await arrivesAt(page, '/jobs');
  await page.getByText('scan-1').first().waitFor();
  await page.goBack();

  await page.getByRole('button', { name: 'Unlink Ines Moreau' }).click();
  await button(dialog(page, 'Unlink this customer?'), 'Unlink').click();
  await page.getByRole('heading', { name: 'No customers yet' }).waitFor();
  await expect(lab.open('scan-2', { for: ines })).rejects.toThrow(/422/);
});

test('an address that is none is refused, and who has accepted needs no link', async ({ lab, visit }) => {
  await lab.welcome('ines@clinic.example');
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/customers');
  await button(page, 'Invite a customer').click();
  const inviting = dialog(page, 'Invite a customer');
  const address = field(inviting, 'Their e-mail address');
  await address.fill('ines at the clinic');
  await button(inviting, 'Invite').click();
  expect(await address.evaluate(input => input.matches(':invalid:focus'))).toBe(true);
  await address.fill('Ines@Clinic.example');
  await button(inviting, 'Invite').click();
  await dialog(page, 'Already your customer').getByText('ines@clinic.example').waitFor();
});
