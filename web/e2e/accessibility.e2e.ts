import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { seriousFindings } from './support/axe';
import { DESKTOP, PHONE, type Visitor } from './support/browser';
import { BRAIN, type Lab, type Person, told } from './support/people';
import { button, dialog, field } from './support/steps';
import { soon, test } from './support/test';

test('the pages for everybody', async ({ lab, visit }) => {
  const stranger = await visit();
  stranger.expect(/404 GET .*\/invitations\/void/);
  const link = await lab.invite('ines@clinic.example');
  const paths = ['/sign-in', '/sign-up', new URL(link).pathname, '/invitations/void', '/no-such-page'];
  expect(await findingsOn(stranger, paths)).toEqual([]);
});

test("a provider's pages", async ({ lab, visit }) => {
  const { jobs } = await arrange(lab);
  const ada = await visit();
  ada.expect(/404 GET .*\/api\/v1\/jobs\/nothing/, /422 GET .*\/api\/v1\/jobs/);
  await ada.signIn(lab);
  const paths = [
    '/dashboard',
    '/getting-started',
    '/jobs',
    '/jobs?status=completed&text=nothing',
    ...jobs.map(id => `/jobs/${id}`),
    '/jobs/nothing',
    '/configurations',
    '/configurations/brain-volumes',
    '/configurations/brain-volumes?version=2.0.0&compare=1.0.0',
    '/configurations/new',
    '/customers',
    '/analytics',
    '/analytics?period=year&by=month',
    '/reports?period=all',
    '/api-keys',
    '/profile',
    '/sessions',
    '/audit-log',
    '/audit-log?group=exports',
  ];
  expect(await findingsOn(ada, paths)).toEqual([]);
});

test("a new provider's empty pages", async ({ lab, visit }) => {
  const ada = await visit();
  await ada.signIn(lab);
  const paths = [
    '/dashboard',
    '/getting-started',
    '/jobs',
    '/configurations',
    '/customers',
    '/analytics',
    '/reports',
    '/api-keys',
  ];
  expect(await findingsOn(ada, paths)).toEqual([]);
});

test("a customer's pages", async ({ lab, visit }) => {
  const { jobs, customer } = await arrange(lab);
  const ines = await visit();
  await ines.signIn(customer);
  expect(
    await findingsOn(ines, [
      '/jobs',
      ...jobs.map(id => `/jobs/${id}`),
      '/api-keys',
      '/profile',
      '/sessions',
      '/audit-log',
    ]),
  ).toEqual([]);
});

test('the dialogs and menus', async ({ lab, visit }) => {
  await arrange(lab);
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/api-keys');
  const found: string[] = [];
  const look = async (name: string) => {
    await dialog(page, name).waitFor();
    found.push(...(await findings(page, name)));
  };
  const close = async (name: string) => {
    await page.keyboard.press('Escape');
    await dialog(page, name).waitFor({ state: 'detached' });
  };

  await button(page, 'Create a key').click();
  await look('Create a key');
  await field(dialog(page, 'Create a key'), 'What is it for?').fill('Scanner room 2');
  await button(dialog(page, 'Create a key'), 'Create the key').click();
  await look('Copy your key now');
  await button(page, 'I have stored it').click();
  await page
    .getByRole('button', { name: /^Rotate/ })
    .first()
    .click();
  await look('Rotate this key?');
  await close('Rotate this key?');
  await page
    .getByRole('button', { name: /^Expire/ })
    .first()
    .click();
  await look('Expire this key now?');
  await close('Expire this key now?');

  await page.goto('/customers');
  await button(page, 'Invite a customer').click();
  await look('Invite a customer');
  await field(dialog(page, 'Invite a customer'), 'Their e-mail address').fill('new@clinic.example');
  await button(dialog(page, 'Invite a customer'), 'Invite').click();
  await look('Hand this link over');
  await button(page, 'I have copied it').click();
  await page
    .getByRole('button', { name: /^Unlink/ })
    .first()
    .click();
  await look('Unlink this customer?');

  await page.goto('/jobs');
  await button(page, 'Open a job').click();
  await look('Open a job');
  await button(dialog(page, 'Open a job'), 'Cancel').click();
  await button(page, 'Opened').click();
  await page.getByText('Past 7 days').waitFor();
  found.push(...(await findings(page, 'the calendar', [DESKTOP])));
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Ada Lindqvist' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).waitFor();
  found.push(...(await findings(page, 'the menu of the account')));

  await page.goto('/jobs?text=running');
  await page.getByRole('link', { name: 'running', exact: true }).click();
  await page.getByRole('button', { name: /^Correct/ }).click();
  await look('Correct this job');
  await close('Correct this job');

  await page.goto('/configurations/new');
  await field(page, 'Tag').first().fill('two words');
  await page.getByText(/problems? to mend/).waitFor();
  found.push(...(await findings(page, 'the form with problems')));
  await page.getByRole('radiogroup', { name: 'How to edit' }).getByText('JSON').click();
  await page.getByRole('textbox', { name: 'The configuration as JSON' }).waitFor();
  found.push(...(await findings(page, 'the JSON editor')));
  expect(found).toEqual([]);
});

async function findingsOn(visitor: Visitor, paths: string[]): Promise<string[]> {
  const found: string[] = [];
  const page = await visitor.open('about:blank');
  for (const path of paths) {
    await page.goto(path);
    await isQuiet(page);
    found.push(...(await findings(page, path)));
  }
  return found;
}

/** In both schemes and both sizes. */
async function findings(page: Page, place: string, sizes = [DESKTOP, PHONE]): Promise<string[]> {
  const found: string[] = [];
  for (const viewport of sizes) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await soon(() => page.evaluate(() => document.documentElement.dataset.mantineColorScheme)).toBe(colorScheme);
      await isStill(page);
      const size = viewport === PHONE ? 'phone' : 'desktop';
      const findings = await seriousFindings(page);
      found.push(...findings.map(finding => `${place}, ${size}, ${colorScheme}: ${finding}`));
    }
  }
  await page.setViewportSize(DESKTOP);
  return found;
}

/** No colour is on its way to another: what is between two is too pale, and nobody is meant to read it. */
async function isStill(page: Page): Promise<void> {
  const moving = () => document.getAnimations().filter(animation => animation instanceof CSSTransition).length;
  await soon(() => page.evaluate(moving)).toBe(0);
}

/** Nothing is on its way any more. */
async function isQuiet(page: Page): Promise<void> {
  await page.getByRole('heading').first().waitFor();
  await soon(() => page.getByRole('status', { name: /^Loading/ }).count()).toBe(0);
}

/** Something of everything, in every state. */
async function arrange(lab: Lab): Promise<{ jobs: string[]; customer: Person }> {
  await lab.describe();
  const [first, ...others] = BRAIN.step_configurations;
  if (first !== undefined) {
    const changed = [{ ...first, points: 50, name: 'Import the images' }, ...others.slice(1)];
    await lab.describe({ ...BRAIN, version: '2.0.0', step_configurations: changed });
  }
  const customer = await lab.welcome();
  await lab.invite('tom@harbour.example');
  const volume = (value: number) => ({ event_metadata: { 'Brain volume': value } });
  const jobs: string[] = [];
  for (const id of ['done', 'running', 'failed', 'pending']) {
    jobs.push((await lab.open(id, { name: id, for: customer })).id);
  }
  await lab.report('done', 'step', 'segment', volume(1500));
  await lab.report('done', 'complete', 'report', { event_metadata: { Report: 'https://reports.example/1' } });
  await lab.report('failed', 'step', 'segment', volume(1600));
  await lab.report('failed', 'error', 'check', { name: 'Motion artefacts in slice 12' });
  await lab.report('running', 'step', 'segment', volume(1550));
  await lab.report('running', 'info', 'check', { fraction: 0.4, name: 'Looking closely' });
  const soonEnding = new Date(Date.now() + 2 * 86_400_000).toISOString();
  await told(lab.api.POST('/api/v1/api-keys', { body: { note: 'Old pipeline', expires_at: soonEnding } }));
  const { id } = await told(lab.api.POST('/api/v1/api-keys', { body: { note: 'Gone' } }));
  await told(lab.api.POST('/api/v1/api-keys/{id}/expire', { params: { path: { id } } }));
  return { jobs, customer };
}
