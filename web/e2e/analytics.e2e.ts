import { readFile } from 'node:fs/promises';
import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { seriousFindings } from './support/axe';
import { PHONE, type Visitor } from './support/browser';
import { demoTest as test } from './support/demo';
import { choose, textOf } from './support/steps';
import { soon } from './support/test';

test('which step fails most, and since which version', async ({ provider, visit }) => {
  const page = await arrive(await visit(), provider);
  await page.getByRole('link', { name: 'Analytics' }).click();
  const errors = panel(page, 'Errors by step');
  await errors
    .getByText(/Tissue segmentation of brain_volumes fails most: \d+ % of \d+ attempts, since 1\.1\.0/)
    .waitFor();
  const versions = panel(page, 'Tissue segmentation: errors by version');
  await versions.getByText(/^Fails more since 1\.1\.0/).waitFor();
  const [newest, before] = await versions.getByRole('listitem').all();
  expect(await rate(newest)).toBeGreaterThan(3 * (await rate(before)));

  await errors.getByRole('button', { name: 'Brain mask' }).click();
  await panel(page, 'Brain mask: errors by version').waitFor();

  const times = panel(page, 'Time by step');
  await times
    .getByText(/^Tissue segmentation of brain_volumes takes longest.* 1\.1\.0 takes \d+ % longer than 1\.0\.0\.$/)
    .waitFor();
});

test('period, configuration and customer are chosen once, and kept in the address', async ({ provider, visit }) => {
  const visitor = await visit();
  const page = await arrive(visitor, provider, '/analytics?period=last-month&customer=tom@harbour-hospital.example');
  const opened = panel(page, 'In short').getByRole('definition').first();
  await opened.waitFor();
  const ofTom = await textOf(opened);
  await page.getByLabel('Customer').first().click();
  await page.getByRole('option', { name: /Northside Clinic/ }).click();
  await soon(() => textOf(opened)).not.toBe(ofTom);
  expect(new URL(page.url()).searchParams.get('customer')).toBe('ines@northside-clinic.example');
  expect(await panel(page, 'By customer').getByRole('listitem').count()).toBe(1);

  const asked: string[] = [];
  page.on('request', request => request.url().includes('/analytics/') && asked.push(request.url()));
  await page.getByLabel('Period').selectOption('From day to day …');
  await page.getByLabel('First day').waitFor();
  await page.getByLabel('Tag').first().click();
  await page.getByRole('listbox', { name: 'Tag' }).getByRole('option', { name: 'brain_volumes' }).click();
  await page.getByLabel('Version').first().click();
  await page.getByRole('listbox', { name: 'Version' }).getByRole('option', { name: '1.0.0' }).click();
  await soon(() => asked.filter(url => url.includes('version=1.0.0') && url.includes('customer=ines')).length).toBe(
    4,
  );
  const { search } = new URL(page.url());
  expect(search).toMatch(/from=\d{4}-\d\d-01&to=\d{4}-\d\d-\d\d/);
  await page.reload();
  await panel(page, 'Jobs a day').waitFor();
  expect(new URL(page.url()).search).toBe(search);
  await page.goBack();
  await soon(() => new URL(page.url()).searchParams.get('version')).toBeNull();
});

test('days are those of where one is', async ({ provider, visit }) => {
  const visitor = await visit({ zone: 'Pacific/Auckland' });
  const page = await visitor.open('about:blank');
  const asked = page.waitForRequest(request => request.url().includes('/analytics/jobs'));
  await visitor.signIn(provider);
  await page.goto('/analytics?period=today');
  const { searchParams } = new URL((await asked).url());
  const today = new Date().toLocaleDateString('en-CA', { timeZone: 'Pacific/Auckland' });
  expect([searchParams.get('zone'), searchParams.get('from')]).toEqual(['Pacific/Auckland', today]);
  await page.getByText(/in the days of Pacific\/Auckland/).waitFor();
});

test('a chart is read with the keyboard, as a table, and as a file', async ({ provider, visit }) => {
  const page = await arrive(await visit(), provider, '/analytics?period=30-days');
  const jobs = panel(page, 'Jobs a day');
  const days = jobs.getByRole('group', { name: 'Jobs opened a day, by configuration' }).getByRole('button');
  await soon(() => days.count()).toBe(30);
  await days.last().focus();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  const reached = page.locator(':focus');
  expect(await reached.getAttribute('aria-label')).toMatch(
    /^\w{3}, \d+ \w{3} \d{4}: Together \d+, brain_volumes \d+/,
  );
  expect(await days.nth(27).evaluate(day => day === document.activeElement)).toBe(true);
  await page.keyboard.press('Tab');
  expect(await days.nth(27).evaluate(day => day === document.activeElement)).toBe(false);

  await choose(page, 'Jobs by', 'By status');
  await jobs.getByText('As a table').click();
  const rows = jobs.getByRole('row');
  await soon(() => rows.count()).toBe(31);
  const shown = await jobs
    .getByRole('table')
    .evaluate(table =>
      [...table.querySelectorAll('tr')].map(row => [...row.querySelectorAll('th, td')].map(cell => cell.textContent)),
    );
  const { name, content } = await download(page, jobs, 'Jobs a day: download CSV');
  expect(name).toMatch(/^milepost_Jobs-a-day_status_\d{4}-\d\d-\d\d_\d{4}-\d\d-\d\d\.csv$/);
  expect(
    content
      .trimEnd()
      .split('\r\n')
      .map(line => line.split(',')),
  ).toEqual(shown);

  const picture = await download(page, jobs, 'Jobs a day: download SVG');
  expect(picture.name).toMatch(/\.svg$/);
  expect(picture.content.includes('>Completed</text>')).toBe(true);
  expect(picture.content.includes('var(--')).toBe(false);
});

test('measurements have their unit, their spread and their course', async ({ provider, visit }) => {
  const page = await arrive(
    await visit(),
    provider,
    '/analytics?tag=brain_volumes&measured=brain_volumes/brain_mask',
  );
  await panel(page, 'Brain volume (ml): distribution')
    .getByText(/median 1,\d{3}(\.\d)? ml, 8 of 10 between/)
    .waitFor();
  await panel(page, 'Brain volume (ml): over time')
    .getByText(/Median by version in ml – 1\.0\.0: .*, 1\.1\.0: /)
    .waitFor();
  await page.getByLabel('Measurements of the step').selectOption('Lateral ventricles');
  await panel(page, 'Ventricle length (mm): distribution').waitFor();
  expect(new URL(page.url()).searchParams.get('measured')).toBe('brain_volumes/ventricles');
});

test('anybody can read it, by day, by night and on a phone', async ({ provider, visit }) => {
  const found: string[] = [];
  for (const scheme of ['light', 'dark'] as const) {
    for (const look of [{ scheme }, { scheme, viewport: PHONE }]) {
      const page = await arrive(await visit(look), provider, '/analytics');
      await panel(page, 'By customer').waitFor();
      await panel(page, 'Errors by step').getByText('As a table').click();
      await soon(() => page.getByRole('status', { name: /^Loading/ }).count()).toBe(0);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      found.push(...(await seriousFindings(page)));
    }
  }
  expect(found).toEqual([]);
});

async function arrive(
  visitor: Visitor,
  provider: Parameters<Visitor['signIn']>[0],
  path = '/dashboard',
): Promise<Page> {
  await visitor.signIn(provider);
  return visitor.open(path);
}

function panel(page: Page, title: string): Locator {
  return page.getByRole('region', { name: title, exact: true });
}

/** The share that a row tells: `24 % of 41`. */
async function rate(row: Locator | undefined): Promise<number> {
  const [, share] = /(\d+(?:\.\d)?) %/.exec((await row?.textContent()) ?? '') ?? [];
  return Number(share);
}

async function download(page: Page, within: Locator, name: string): Promise<{ name: string; content: string }> {
  const saved = page.waitForEvent('download');
  await within.getByRole('button', { name }).click();
  const file = await saved;
  return { name: file.suggestedFilename(), content: await readFile(await file.path(), 'utf8') };
}
