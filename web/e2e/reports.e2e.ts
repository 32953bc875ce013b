import { readFile } from 'node:fs/promises';
import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { seriousFindings } from './support/axe';
import { PHONE } from './support/browser';
import { demoTest as test } from './support/demo';
import { copied, textOf } from './support/steps';
import { soon } from './support/test';

const FIGURES = ['jobs', 'finished', 'failed', 'steps', 'points_earned', 'hours'] as const;

test('what a customer is billed for last month, and which jobs prove it', async ({ provider, visit }) => {
  const ada = await visit();
  await ada.signIn(provider);
  const page = await ada.open('/dashboard');
  await page.getByRole('link', { name: 'Reports' }).click();
  await page.getByLabel('Customer').first().click();
  await page.getByRole('option', { name: /Northside Clinic/ }).click();
  expect(await page.getByLabel('Period').inputValue()).toBe('last-month');
  const usage = page.getByRole('region', { name: 'Usage' });
  const rows = usage.getByRole('button', { name: /the jobs behind it$/ });
  await soon(() => rows.count()).toBe(2);
  const totals = await totalsOf(usage);
  expect(totals.points_earned).toBeGreaterThan(100);

  // The rows add up to what stands below them, and the jobs behind each row to the row.
  const sums = FIGURES.map(() => 0);
  for (let index = 0; index < 2; index += 1) {
    const row = rows.nth(index).locator('xpath=ancestor::tr');
    const told = (await row.getByRole('cell').allTextContents()).slice(3).map(number);
    await rows.nth(index).click();
    const proof = usage.getByRole('region', { name: 'The jobs behind it' });
    await proof.waitFor();
    const jobs = await proof
      .locator('tbody tr')
      .evaluateAll(lines =>
        lines.map(line => [...line.querySelectorAll('td')].slice(2).map(cell => cell.textContent ?? '')),
      );
    expect(added(jobs.map(job => job.map(number)))).toEqual(told);
    for (const [place, figure] of told.entries()) {
      sums[place] = (sums[place] ?? 0) + figure;
    }
    if (index === 0) {
      await rows.nth(0).click();
      await soon(() => proof.count()).toBe(0);
    }
  }
  expect(sums.map(exactly)).toEqual(FIGURES.map(name => totals[name]));

  // The same from the file, to the last digit.
  const { name, content } = await download(page, 'Usage as CSV');
  expect(name).toMatch(/\.csv$/);
  expect(content).toMatch(/^# /);
  const [heading = [], ...lines] = content
    .split('\r\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => line.split(','));
  const inFile = FIGURES.map(figure =>
    exactly(lines.reduce((sum, line) => sum + Number(line[heading.indexOf(figure)]), 0)),
  );
  expect(inFile).toEqual(FIGURES.map(figure => totals[figure]));

  await usage.getByRole('region', { name: 'The jobs behind it' }).getByRole('link').first().click();
  await soon(() => new URL(page.url()).pathname).toMatch(/^\/jobs\/[0-9a-f-]{36}$/);
});

test('every form of both reports is downloaded, with the filter of the page', async ({ provider, visit }) => {
  const ada = await visit();
  await ada.signIn(provider);
  const page = await ada.open('/reports?period=all&tag=brain_volumes&version=1.0.0&status=completed');
  await page.getByRole('region', { name: 'Usage' }).getByText('Together').waitFor();
  const begins = {
    CSV: /^# [\s\S]*completed/,
    'CSV for Excel': /^\uFEFF/,
    XLSX: /^PK/,
    NDJSON: /^\{/,
    Parquet: /^PAR1/,
  };
  for (const [form, beginning] of Object.entries(begins)) {
    for (const report of ['Usage', 'Events']) {
      const { content } = await download(page, `${report} as ${form}`);
      expect(content, `${report} as ${form}`).toMatch(beginning);
    }
  }
  await page.getByRole('button', { name: 'Copy the command for the usage' }).click();
  expect(await copied(page)).toMatch(
    /^milepost report usage --zone \S+ --tag brain_volumes --version 1\.0\.0 --status completed --format csv$/,
  );
});

test('versions have rows of their own where that is wanted', async ({ provider, visit }) => {
  const ada = await visit();
  await ada.signIn(provider);
  const page = await ada.open('/reports?period=all&tag=brain_volumes');
  const usage = page.getByRole('region', { name: 'Usage' });
  await usage.getByText('Together').waitFor();
  const totals = await totalsOf(usage);
  await usage.getByRole('switch', { name: 'Versions apart' }).check();
  await usage.getByText('brain_volumes 1.1.0').first().waitFor();
  expect(new URL(page.url()).searchParams.get('by_version')).toBe('true');
  // Jobs under way may have gone on in between.
  expect((await totalsOf(usage)).jobs).toBeGreaterThanOrEqual(totals.jobs);
  await usage
    .getByRole('button', { name: /, 0\.9\.0, .*the jobs behind it$/ })
    .first()
    .click();
  await usage.getByRole('region', { name: 'The jobs behind it' }).getByRole('link').first().waitFor();
});

test('a period without work says so', async ({ provider, visit }) => {
  const ada = await visit();
  await ada.signIn(provider);
  const page = await ada.open('/reports?from=2020-01-01&to=2020-01-31');
  await page.getByRole('heading', { name: 'Nothing was done' }).waitFor();
});

test('anybody can read it, by day, by night and on a phone', async ({ provider, visit }) => {
  const found: string[] = [];
  for (const scheme of ['light', 'dark'] as const) {
    for (const look of [{ scheme }, { scheme, viewport: PHONE }]) {
      const visitor = await visit(look);
      await visitor.signIn(provider);
      const page = await visitor.open('/reports');
      await page
        .getByRole('button', { name: /the jobs behind it$/ })
        .first()
        .click();
      await page.getByRole('region', { name: 'The jobs behind it' }).waitFor();
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      found.push(...(await seriousFindings(page)));
    }
  }
  expect(found).toEqual([]);
});

async function totalsOf(usage: Locator): Promise<Record<(typeof FIGURES)[number], number>> {
  const told = FIGURES.map(async name => [name, number(await textOf(usage.locator(`[data-total=${name}]`)))]);
  return Object.fromEntries(await Promise.all(told));
}

function number(text: string): number {
  return Number(text.replaceAll(',', ''));
}

/** To the ten-thousandth, without what binary fractions add. */
function exactly(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}

function added(rows: number[][]): number[] {
  const columns = rows[0]?.keys() ?? [];
  return [...columns].map(column => exactly(rows.reduce((sum, row) => sum + (row[column] ?? 0), 0)));
}

async function download(page: Page, name: string): Promise<{ name: string; content: string }> {
  const saved = page.waitForEvent('download');
  await page.getByRole('link', { name, exact: true }).click();
  const file = await saved;
  return { name: file.suggestedFilename(), content: await readFile(await file.path(), 'utf8') };
}
