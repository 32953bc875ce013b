import type { Locator, Page } from 'playwright-core';
import { soon } from './test';

/** A field of a form by its label, required or not. */
export function field(on: Page | Locator, label: string): Locator {
  const literal = label.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return on.getByLabel(new RegExp(`^${literal}( \\*)?$`));
}

export function button(on: Page | Locator, name: string): Locator {
  return on.getByRole('button', { name, exact: true });
}

export function dialog(page: Page, name: string): Locator {
  return page.getByRole('dialog', { name, exact: true });
}

/** Types an address and a password into the page's own form. */
export async function typeSignIn(page: Page, email: string, password: string): Promise<void> {
  await field(page, 'E-mail').fill(email);
  await field(page, 'Password').fill(password);
  await button(page, 'Sign in').click();
}

/** Waits until the page is at a path. */
export async function arrivesAt(page: Page, path: string): Promise<void> {
  await soon(() => new URL(page.url()).pathname).toBe(path);
}

/** Waits until what the page shows is live. */
export async function isLive(page: Page): Promise<void> {
  await page.getByRole('status').getByText('Live', { exact: true }).waitFor();
}

/** What the clipboard holds. */
export async function copied(page: Page): Promise<string> {
  return page.evaluate(() => navigator.clipboard.readText());
}

export async function textOf(shown: Locator): Promise<string> {
  return (await shown.textContent())?.trim() ?? '';
}

/** How far the page of a job says it is: `62 %`. */
export function progressOf(page: Page): Locator {
  return page.getByRole('region', { name: 'Progress' });
}

/** A job's row in the table of jobs. */
export function rowOf(page: Page, id: string): Locator {
  return page.getByRole('row').filter({ has: page.getByText(id, { exact: true }) });
}

/** A step's row in the form of a configuration. */
export function stepOf(page: Page, place: number): Locator {
  return page.getByRole('listitem').filter({ has: button(page, `Remove step ${place}`) });
}

/** Chooses one of a few that are side by side. */
export async function choose(on: Page, group: string, choice: string): Promise<void> {
  await on.getByRole('radiogroup', { name: group }).getByText(choice, { exact: true }).click();
}
