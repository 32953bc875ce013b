import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Lab } from './support/people';
import { arrivesAt, button, dialog, field, isLive, rowOf, textOf } from './support/steps';
import { soon, test } from './support/test';

test('filters and order are in the address, and the back button knows them', async ({ lab, visit }) => {
  await lab.describe();
  for (const id of ['one', 'two', 'three']) {
    await lab.open(id, { name: `Subject ${id}` });
  }
  await lab.report('one', 'complete');
  await lab.report('two', 'error', 'segment', { name: 'Too dark' });
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/jobs');
  await soon(() => ids(page)).toEqual(['three', 'two', 'one']);
  const filters = page.locator('search');
  await button(filters, 'Completed').click();
  await soon(() => ids(page)).toEqual(['one']);
  await button(filters, 'Error').click();
  await soon(() => ids(page)).toEqual(['two', 'one']);
  await soon(() => search(page).get('status')).toBe('completed,error');
  await page.getByRole('searchbox').fill('subject tw');
  await soon(() => ids(page)).toEqual(['two']);
  await soon(() => search(page).get('text')).toBe('subject tw');

  await page.reload();
  await soon(() => ids(page)).toEqual(['two']);
  expect(await page.getByRole('searchbox').inputValue()).toBe('subject tw');
  await page.getByRole('link', { name: 'Subject two' }).click();
  await page.getByRole('region', { name: 'Too dark' }).waitFor();
  await page.goBack();
  await soon(() => ids(page)).toEqual(['two']);
  await page.goBack();
  await soon(() => ids(page)).toEqual(['two', 'one']);
  await page.goBack();
  await soon(() => ids(page)).toEqual(['one']);
  await page.goBack();
  await soon(() => ids(page)).toEqual(['three', 'two', 'one']);

  await field(page, 'Order').selectOption({ label: 'Opened, oldest first' });
  await soon(() => ids(page)).toEqual(['one', 'two', 'three']);
  expect(search(page).get('sort')).toBe('created_at');
  await page.getByRole('searchbox').fill('nothing like it');
  await page.getByRole('heading', { name: 'No job fits' }).waitFor();
  await button(page, 'Clear the filters').click();
  await soon(() => ids(page)).toEqual(['one', 'two', 'three']);

  // What a link from elsewhere adds to the address disturbs nothing.
  await page.goto('/jobs?utm_source=letter&status=error');
  await soon(() => ids(page)).toEqual(['two']);
});

test('silent jobs are asked for by a button and by the dashboard', async ({ lab, visit }) => {
  await lab.describe();
  await lab.open('one');
  await lab.report('one', 'info', 'segment');
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/dashboard');
  await page.getByRole('link', { name: 'Silent for longer than usual' }).click();
  await page.getByRole('heading', { name: 'No job fits' }).waitFor();
  expect(search(page).get('silent')).toBe('true');
  const silent = button(page.locator('search'), 'Silent');
  expect(await silent.getAttribute('aria-pressed')).toBe('true');
  await silent.click();
  await soon(() => ids(page)).toEqual(['one']);
  expect(search(page).get('silent')).toBeNull();
  await page.goto('/jobs?silent=false');
  await button(page, 'Remove: Not silent').waitFor();
  await soon(() => ids(page)).toEqual(['one']);
});

test('300 jobs are paged through without a gap or a repetition', async ({ lab, visit }) => {
  await lab.describe();
  await openMany(lab, 300);
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/jobs');
  await isLive(page);
  await soon(() => ids(page).then(shown => shown.length)).toBeGreaterThan(5);
  const seen = await readToTheEnd(page, 'These are all 300 jobs.');
  expect(seen.map(([index]) => index)).toEqual(Array.from({ length: 300 }, (_, place) => place + 2));
  const newestFirst = (await lab.jobs()).map(job => job.provider_job_id);
  expect(seen.map(([, id]) => id)).toEqual(newestFirst);
});

test('rows move, and a new job appears', async ({ lab, visit }) => {
  await lab.describe();
  await lab.open('first');
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/jobs');
  await rowOf(page, 'first').getByText('Pending').waitFor();
  await isLive(page);
  await lab.report('first', 'step', 'import');
  await rowOf(page, 'first').getByText('Running').waitFor();
  await rowOf(page, 'first').getByText('5 %').waitFor();
  await rowOf(page, 'first').getByText('Next: Remove noise').waitFor();
  await lab.open('second');
  await lab.report('second', 'info', 'segment', { fraction: 0.1 });
  await rowOf(page, 'second').getByText('Segment tissue').waitFor();
  expect(await ids(page)).toEqual(['second', 'first']);
  await lab.report('first', 'error', 'segment', { name: 'Too dark' });
  await rowOf(page, 'first').getByText('Failed: Segment tissue').waitFor();
  await lab.report('second', 'complete');
  await rowOf(page, 'second').getByText('Completed').waitFor();
});

test('a provider opens a job by hand and corrects it', async ({ lab, visit }) => {
  await lab.describe();
  const ines = await lab.welcome();
  await lab.open('taken', { for: ines });
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/jobs');
  ada.expect(/409 POST .*\/jobs$/);
  await button(page, 'Open a job').click();
  const opening = dialog(page, 'Open a job');
  await opening.getByRole('combobox', { name: 'Configuration' }).or(field(opening, 'Configuration')).first().click();
  await page.getByRole('option', { name: /Brain volumes/ }).click();
  await field(opening, 'Your own id of the job').fill('taken');
  await button(opening, 'Open the job').click();
  await opening.getByRole('alert').waitFor();
  await field(opening, 'Your own id of the job').fill('by-hand');
  await button(opening, 'Open the job').click();
  await page.getByText('Nothing has been reported yet').waitFor();
  await page.getByRole('button', { name: /^Correct/ }).click();
  const correcting = dialog(page, 'Correct this job');
  await field(correcting, 'Name').fill('Subject 200');
  await button(correcting, 'Save').click();
  await page.getByRole('heading', { name: 'Subject 200' }).waitFor();
  await page.getByRole('link', { name: 'Jobs' }).first().click();
  await arrivesAt(page, '/jobs');
  expect(await textOf(rowOf(page, 'by-hand'))).toContain('Subject 200');
});

function search(page: Page): URLSearchParams {
  return new URL(page.url()).searchParams;
}

/** The ids of the rows that are drawn, from top to bottom. */
async function ids(page: Page): Promise<string[]> {
  return (await rows(page)).map(([, id]) => id);
}

/** The number and id of each row that is drawn. */
async function rows(page: Page): Promise<[number, string][]> {
  const found = await page.evaluate(() =>
    [...document.querySelectorAll('[role=table] [role=row]')].map((row): [number, string] => [
      Number(row.getAttribute('aria-rowindex')),
      row.querySelector('.mono')?.textContent ?? '',
    ]),
  );
  return found.filter(([index]) => index > 1).sort(([a], [b]) => a - b);
}

/** Scrolls down bit by bit, and returns every row that was shown on the way. */
async function readToTheEnd(page: Page, end: string): Promise<[number, string][]> {
  const seen = new Map<number, string>();
  const isOver = async () => {
    for (const [index, id] of await rows(page)) {
      expect(seen.get(index) ?? id).toBe(id);
      seen.set(index, id);
    }
    const atBottom = await page.evaluate(() => scrollY + innerHeight >= document.documentElement.scrollHeight - 1);
    await page.evaluate(() => scrollBy(0, innerHeight / 2));
    return atBottom && (await page.getByText(end).isVisible());
  };
  await soon(isOver, 60_000).toBe(true);
  return [...seen].sort(([a], [b]) => a - b);
}

async function openMany(lab: Lab, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, number) => number);
  for (let from = 0; from < count; from += 20) {
    await Promise.all(numbers.slice(from, from + 20).map(number => lab.open(`scan-${number}`)));
  }
}
