import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Job } from '../src/api/types';
import { DESKTOP, launchBrowser, PHONE, Visitor } from './support/browser';
import { Lab, Person as People, type Person } from './support/people';
import { Server } from './support/server';
import { button, isLive } from './support/steps';
import { soon } from './support/test';

const FOLDER = resolve(import.meta.dirname, '../../docs/screenshots');

/** Each page is taken so: by day, by night, and on a phone. */
const LOOKS = [
  { look: 'light', viewport: DESKTOP, scheme: 'light' },
  { look: 'dark', viewport: DESKTOP, scheme: 'dark' },
  { look: 'phone', viewport: PHONE, scheme: 'light' },
] as const;

type Shot = {
  name: string;
  path: string;
  as: 'nobody' | 'provider' | 'customer';
  act?: (page: Page) => Promise<void>;
};

let server: Server;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start('demo'), launchBrowser()]);
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

test('every page of the demo', async () => {
  const [provider, customer] = await Promise.all([signIn('Provider'), signIn('Customer')]);
  const shots = await everyPage(await Lab.return(server, provider.email, provider.password));
  for (const { look, viewport, scheme } of LOOKS) {
    for (const [role, person] of [
      ['nobody', null],
      ['provider', provider],
      ['customer', customer],
    ] as const) {
      const visitor = await Visitor.arrive(browser, server, { viewport, scheme });
      if (person !== null) {
        await visitor.signIn(person);
      }
      const page = await visitor.open('about:blank');
      for (const shot of shots.filter(({ as }) => as === role)) {
        await take(page, shot, join(FOLDER, `${shot.name}-${look}.png`));
      }
      await visitor.leave();
    }
  }
  expect(readdirSync(FOLDER)).toHaveLength(shots.length * LOOKS.length);
});

async function everyPage(lab: Lab): Promise<Shot[]> {
  const running = await lively(lab);
  const jobs = await lab.jobs();
  const pick = (status: string) => jobs.filter(job => job.status === status && job.customer_id !== null);
  const [failed, done] = [pick('error')[0]?.id, pick('completed')[0]?.id];
  const tag = jobs[0]?.tag ?? '';
  const { items: versions } = await lab.versions(tag);
  const [newest, before] = versions.map(known => known.version);
  const invitation = new URL(await lab.invite('new.customer@example.org')).pathname;
  const compared = before === undefined ? [] : [before];
  return [
    { as: 'nobody', name: 'sign-in', path: '/sign-in' },
    { as: 'nobody', name: 'invitation', path: invitation },
    { as: 'provider', name: 'dashboard', path: '/dashboard' },
    { as: 'provider', name: 'jobs', path: '/jobs' },
    { as: 'provider', name: 'job-running', path: `/jobs/${running}` },
    { as: 'provider', name: 'job-error', path: `/jobs/${failed}` },
    { as: 'provider', name: 'job-completed', path: `/jobs/${done}` },
    { as: 'provider', name: 'configurations', path: '/configurations' },
    { as: 'provider', name: 'configuration', path: `/configurations/${tag}` },
    ...compared.map(version => ({
      as: 'provider' as const,
      name: 'configuration-compared',
      path: `/configurations/${tag}?version=${newest}&compare=${version}`,
    })),
    { as: 'provider', name: 'configuration-new', path: `/configurations/new?from=${tag}@${newest}` },
    {
      as: 'provider',
      name: 'configuration-json',
      path: `/configurations/new?from=${tag}@${newest}`,
      act: async page => {
        await page.getByRole('radiogroup', { name: 'How to edit' }).getByText('JSON').click();
        await page.getByRole('textbox', { name: 'The configuration as JSON' }).waitFor();
      },
    },
    { as: 'provider', name: 'customers', path: '/customers' },
    { as: 'provider', name: 'analytics', path: '/analytics' },
    { as: 'provider', name: 'analytics-steps', path: '/analytics', act: page => showPanel(page, 'Errors by step') },
    { as: 'provider', name: 'reports', path: '/reports', act: openRow },
    { as: 'provider', name: 'api-keys', path: '/api-keys' },
    {
      as: 'provider',
      name: 'api-key-new',
      path: '/api-keys',
      act: page => button(page, 'Create a key').first().click(),
    },
    { as: 'provider', name: 'getting-started', path: '/getting-started' },
    { as: 'provider', name: 'profile', path: '/profile' },
    { as: 'provider', name: 'sessions', path: '/sessions' },
    { as: 'provider', name: 'audit-log', path: '/audit-log' },
    { as: 'customer', name: 'customer-jobs', path: '/jobs' },
    { as: 'customer', name: 'customer-job', path: `/jobs/${await hers(lab)}` },
  ];
}

/** A job that moves and has come some way, for which the demo needs a minute. */
async function lively(lab: Lab): Promise<string> {
  const isLively = (job: Job) =>
    job.status === 'running' &&
    (job.progress ?? 0) > 0.3 &&
    Date.now() - Date.parse(job.last_event_at ?? '') < 30_000;
  for (;;) {
    const job = (await lab.jobs()).find(isLively);
    if (job !== undefined) {
      return job.id;
    }
    await new Promise(resolve => setTimeout(resolve, 1_000));
  }
}

/** A job of the first customer that is worth a look. */
async function hers(lab: Lab): Promise<string | undefined> {
  const email = server.demoPeople.find(({ role }) => role === 'Customer')?.email;
  const jobs = (await lab.jobs()).filter(job => job.customer_email === email);
  return (jobs.find(job => job.status === 'running') ?? jobs.find(job => job.status === 'completed'))?.id;
}

/** A chart that is further down. */
async function showPanel(page: Page, title: string): Promise<void> {
  await page.getByRole('region', { name: title, exact: true }).evaluate(panel => {
    scrollTo({ top: panel.getBoundingClientRect().top + scrollY - 66 });
  });
}

async function openRow(page: Page): Promise<void> {
  await page
    .getByRole('button', { name: /the jobs behind it$/ })
    .first()
    .click();
  await page.getByRole('region', { name: 'The jobs behind it' }).waitFor();
}

async function signIn(role: 'Provider' | 'Customer'): Promise<Person> {
  const { email = '', password = '' } = server.demoPeople.find(person => person.role === role) ?? {};
  return People.signIn(server, email, password);
}

async function take(page: Page, { path, as, act }: Shot, file: string): Promise<void> {
  await page.goto(path);
  await page.getByRole('heading').first().waitFor();
  await soon(() => page.getByRole('status', { name: /^Loading/ }).count()).toBe(0);
  if (as !== 'nobody') {
    await isLive(page);
  }
  await act?.(page);
  await page.evaluate(async () => {
    await document.fonts.ready;
    await Promise.all(document.getAnimations().map(animation => animation.finished.catch(() => undefined)));
  });
  await page.screenshot({ path: file, animations: 'disabled', caret: 'hide' });
}
