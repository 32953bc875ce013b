import { expect } from 'vitest';
import type { EventFields } from './support/people';
import { isLive, textOf } from './support/steps';
import { soon, test } from './support/test';

const COUNT = 10_000;

test('10,000 events: only what is in sight is drawn, filtered by kind, and added to live', async ({ lab, visit }) => {
  await lab.describe();
  const job = await lab.open('long');
  const events = Array.from({ length: COUNT }, (_, number): ['info' | 'error', string, EventFields] => [
    number % 100 === 99 ? 'error' : 'info',
    'segment',
    { name: `Slice ${number + 1} of ${COUNT}` },
  ]);
  await lab.reportAll('long', events);
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open(`/jobs/${job.id}`);
  await isLive(page);
  const list = page.getByRole('region', { name: 'Events, newest first' });
  const entries = list.getByRole('listitem');
  await page.getByText('10,000 events').waitFor();
  await entries.first().getByText(`Slice ${COUNT} of`).waitFor();
  const drawn = () => page.evaluate(() => document.querySelectorAll('*').length);
  expect(await entries.count()).toBeLessThan(80);
  expect(await drawn()).toBeLessThan(3_000);

  await page
    .getByRole('group', { name: 'Show only events of these kinds' })
    .getByRole('button', { name: 'Error' })
    .click();
  await soon(() => new URL(page.url()).searchParams.get('kind')).toBe('error');
  await soon(async () => (await entries.allTextContents()).every(text => text.startsWith('Error'))).toBe(true);
  await page.reload();
  await soon(
    async () => (await entries.allTextContents()).filter(text => text.startsWith('Error')).length,
  ).toBeGreaterThan(5);
  await lab.report('long', 'info', 'segment', { name: 'Not asked for' });
  await lab.report('long', 'error', 'segment', { name: 'Asked for' });
  await entries.first().getByText('Asked for').waitFor();
  expect(await list.getByText('Not asked for').count()).toBe(0);

  await page.getByRole('button', { name: 'Error', exact: true }).click();
  await entries.first().getByText('Asked for').waitFor();
  await entries.nth(1).getByText('Not asked for').waitFor();

  // Somebody reads further down: what comes in above moves nothing.
  await list.evaluate(element => element.scrollTo({ top: 3_000 }));
  await soon(async () => (await entries.first().textContent()) ?? '').not.toContain('Asked for');
  const marked = entries.nth(16);
  const [text, place] = [await textOf(marked), (await marked.boundingBox())?.y ?? 0];
  await lab.report('long', 'info', 'segment', { name: 'While you read' });
  const fresh = page.getByRole('button', { name: '1 new' });
  await fresh.waitFor();
  const still = entries.filter({ hasText: /Slice \d+ of/.exec(text)?.[0] ?? text }).first();
  expect(Math.abs(((await still.boundingBox())?.y ?? 0) - place)).toBeLessThan(3);
  await fresh.click();
  await entries.first().getByText('While you read').waitFor();

  // Down to the very first, page by page.
  const toTheEnd = async () => {
    await list.evaluate(element => element.scrollTo({ top: element.scrollHeight }));
    return (await entries.last().textContent()) ?? '';
  };
  await soon(toTheEnd, 60_000).toContain('Slice 1 of');
  expect(await entries.count()).toBeLessThan(80);
  expect(await drawn()).toBeLessThan(3_000);
});
