import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Job } from '../src/api/types';
import type { Visitor } from './support/browser';
import { Lab, PASSWORD, Person, told } from './support/people';
import { arrivesAt, button, copied, dialog, field, isLive, typeSignIn } from './support/steps';
import { soon, test } from './support/test';

/** What somebody who means harm would call things. Each runs something if it is ever taken for more than text. */
const SCRIPTS = [
  '<script>window.__xss=1</script>',
  '<img src=x onerror=window.__xss=2>',
  '"><svg onload=window.__xss=3>',
  "' autofocus onfocus=window.__xss=4 x='",
  '</title></textarea></style><iframe srcdoc="<script>parent.__xss=5</script>">',
  '{{constructor.constructor("window.__xss=6")()}}',
  '<a href="javascript:window.__xss=7">press here</a>',
  '<math><mtext><style><img src=x onerror=window.__xss=8></style></mtext></math>',
  '&lt;img src=x onerror=window.__xss=9&gt;',
  '\u202e<b>turned</b>\u202c',
];
const ALL = SCRIPTS.join(' ').slice(0, 200 * 3);

/** Addresses that must never become links. */
const ADDRESSES = [
  'javascript:window.__xss=11',
  ' javascript:window.__xss=12',
  'JaVaScRiPt:window.__xss=13',
  'java\tscript:window.__xss=14',
  'java\nscript:window.__xss=15',
  '\u0001javascript:window.__xss=16',
  'javascript&colon;window.__xss=17',
  'javascript://https://example.org/%0awindow.__xss=18',
  'data:text/html,<script>window.__xss=19</script>',
  'data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==',
  'vbscript:msgbox(1)',
  'blob:https://example.org/1',
  'file:///etc/passwd',
  'feed:javascript:window.__xss=20',
];

test('no text runs, wherever a provider or a customer can put one', async ({ server, visit }) => {
  const { lab, customer, jobs } = await arrange(server);
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/dashboard');
  await isLive(page);
  const paths = [
    '/dashboard',
    '/getting-started',
    '/jobs',
    ...jobs.map(job => `/jobs/${job.id}`),
    '/configurations',
    '/configurations/harm',
    '/configurations/harm?version=2.0.0&compare=1.0.0',
    '/configurations/new?from=harm@1.0.0',
    '/customers',
    '/api-keys',
    '/profile',
  ];
  for (const path of paths) {
    await page.goto(path);
    await isHarmless(page, 'window.__xss');
  }

  // What comes in live takes other ways into the page.
  const [job] = jobs;
  await page.goto(`/jobs/${job?.id}`);
  await isLive(page);
  for (const [number, script] of SCRIPTS.entries()) {
    const values = Object.fromEntries(
      ADDRESSES.map((address, index) => [`${script.slice(0, 60)} ${index}`, address]),
    );
    await lab.report('harm-0', number % 2 === 0 ? 'error' : 'info', 'load', { name: script, event_metadata: values });
    await page.getByText(script.replaceAll('\u202e', '').slice(0, 12)).first().waitFor();
  }
  await isHarmless(page, 'window.__xss');

  const ines = await visit();
  await ines.signIn(customer);
  const hers = await ines.open('/jobs');
  for (const path of ['/jobs', ...jobs.map(job => `/jobs/${job.id}`), '/profile', '/api-keys']) {
    await hers.goto(path);
    await isHarmless(hers, 'window.__xss');
  }
  const stranger = await visit();
  const link = await lab.invite("o'onfocus=window.__xss=30@x.example");
  const theirs = await stranger.open(link);
  await theirs.getByText('window.__xss=30').first().waitFor();
  await isHarmless(theirs, 'window.__xss');
});

test('no text runs in dialogs, notifications and tooltips', async ({ server, visit }) => {
  const { lab } = await arrange(server);
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/api-keys');
  await page
    .getByRole('button', { name: /^Rotate/ })
    .first()
    .click();
  await isHarmless(page, 'window.__xss', 'dialog');
  await button(dialog(page, 'Rotate this key?'), 'Rotate').click();
  await button(dialog(page, 'Copy your key now'), 'I have stored it').click();
  await page
    .getByRole('button', { name: /^Expire/ })
    .first()
    .click();
  await button(dialog(page, 'Expire this key now?'), 'Expire now').click();
  await isHarmless(page, 'window.__xss');
  await page.goto('/customers');
  await page
    .getByRole('button', { name: /^Unlink/ })
    .first()
    .click();
  await isHarmless(page, 'window.__xss', 'dialog');
  await page.goto('/jobs');
  await page
    .getByRole('link', { name: /window\.__xss/ })
    .first()
    .hover();
  await page
    .getByRole('link', { name: /window\.__xss/ })
    .first()
    .click();
  await page.getByRole('button', { name: /^Correct/ }).click();
  await field(dialog(page, 'Correct this job'), 'Name').fill(`${SCRIPTS[1]} again`);
  await button(dialog(page, 'Correct this job'), 'Save').click();
  await page.getByRole('heading', { name: `${SCRIPTS[1]} again` }).waitFor();
  await isHarmless(page, 'window.__xss');
});

test('a copied snippet runs nothing that a name would like it to', async ({ server, visit }) => {
  const { lab } = await arrange(server);
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/configurations/harm');
  await field(page, 'Your own id of the job').fill(`'"; touch /tmp/__xss #`);
  await button(page, 'Copy all as one script').click();
  await soon(() => copied(page)).toContain(`'\\''`);
  await isHarmless(page, 'window.__xss');
});

test('no address leads the page to run or to go anywhere else', async ({ server, lab, visit }) => {
  await lab.describe();
  const ada = await visit();
  ada.expect(/(404|422|400) GET .*\/api\/v1\//);
  await ada.signIn(lab);
  const page = await ada.open('/jobs');
  for (const script of [...SCRIPTS.slice(1, 3), ...ADDRESSES.slice(0, 2)]) {
    const text = encodeURIComponent(script);
    const all = `text=${text}&tag=${text}&customer=${text}&version=${text}&last_event_to=${text}&sort=${text}`;
    for (const path of [
      `/jobs?${all}`,
      `/jobs?text=${text}`,
      `/jobs/${text}`,
      `/jobs/x?kind=${text}`,
      `/configurations/${text}?version=${text}&compare=${text}`,
      `/configurations/new?from=${text}`,
      `/invitations/${text}`,
      `/nothing/${text}`,
      `/sign-in?next=${text}#email=${text}&password=${text}`,
    ]) {
      await page.goto(path);
      await page.getByRole('heading').first().waitFor();
      await isHarmless(page);
    }
  }
  expect(new URL(page.url()).origin).toBe(server.url);
});

test('after the sign-in nobody is led away', async ({ server, lab, visit }) => {
  const ada = await visit();
  const page = await ada.open('/sign-in');
  for (const next of [
    '//evil.example/',
    'https://evil.example/',
    '/\\evil.example/',
    '\\\\evil.example/',
    '/\t/evil.example/',
    '/%09/evil.example',
    '/..//evil.example/',
    '/.//evil.example/',
    '/\n/evil.example/',
    'javascript:window.__xss=40',
    'data:text/html,evil',
    '%2F%2Fevil.example',
  ]) {
    // What the page still asks for must not go out without the session.
    await page.goto('about:blank');
    await ada.context.clearCookies();
    await page.goto(`/sign-in?next=${encodeURIComponent(next)}`);
    await typeSignIn(page, lab.email, PASSWORD);
    await page
      .getByRole('button', { name: 'Ada Lindqvist' })
      .or(page.getByText('There is no such page'))
      .first()
      .waitFor();
    expect(new URL(page.url()).origin).toBe(server.url);
    await isHarmless(page);
  }
  await page.goto('about:blank');
  await ada.context.clearCookies();
  await page.goto('/sign-in?next=/customers');
  await typeSignIn(page, lab.email, PASSWORD);
  await arrivesAt(page, '/customers');
});

test('an address that is no web address is no link, and the server refuses it as one', async ({ lab, visit }) => {
  await lab.describe();
  const job = await lab.open('scan-1');
  for (const address of ADDRESSES) {
    const event = lab.report('scan-1', 'step', 'report', { event_metadata: { Report: address } });
    await expect(event, address).rejects.toThrow(/422/);
  }
  const odd = 'https://reports.example/"onmouseover="window.__xss=50';
  await lab.report('scan-1', 'step', 'report', { event_metadata: { Report: odd } });
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open(`/jobs/${job.id}`);
  const link = page.getByRole('link', { name: /reports\.example/ }).first();
  await link.waitFor();
  expect(await link.evaluate(element => [element.getAttribute('rel'), element.getAttribute('target')])).toEqual([
    'noopener noreferrer',
    '_blank',
  ]);
  await link.hover();
  await isHarmless(page);
});

test('even a server that hands out other addresses makes no links of them', async ({ lab, visit }) => {
  await lab.describe();
  const job = await lab.open('scan-1');
  await lab.report('scan-1', 'step', 'report', { event_metadata: { Report: 'https://reports.example/1' } });
  const ada = await visit();
  await ada.signIn(lab);
  const page = await ada.open('/profile');
  for (const address of ADDRESSES) {
    await page.route('**/api/v1/jobs/**', async route => {
      const answer = await route.fetch();
      const body = (await answer.text()).replaceAll('"https://reports.example/1"', JSON.stringify(address));
      await route.fulfill({ response: answer, body });
    });
    await page.goto(`/jobs/${job.id}`);
    await page.getByRole('term').getByText('Report').first().waitFor();
    await isHarmless(page);
    await page.unrouteAll({ behavior: 'wait' });
  }
});

/** Nothing has run, nothing of what was typed has become a part of the page, and no link leads elsewhere. */
async function isHarmless(page: Page, shown?: string, within?: 'dialog'): Promise<void> {
  await soon(() => page.getByRole('status', { name: /^Loading/ }).count()).toBe(0);
  if (shown !== undefined) {
    const place = within === undefined ? page : page.getByRole(within);
    await soon(() =>
      place
        .getByText(shown)
        .or(place.locator(`input[value*="${shown}"]`))
        .count(),
    ).toBeGreaterThan(0);
  }
  const found = await page.evaluate(() => {
    const elements = [...document.querySelectorAll('*')];
    const handlers = elements.filter(element => [...element.attributes].some(({ name }) => name.startsWith('on')));
    const foreign = document.querySelectorAll(
      'iframe, object, embed, math, base, img, script:not([src]), form[action]',
    );
    const schemes = [...document.querySelectorAll<HTMLElement>('[href], [src], [action], [formaction]')].flatMap(
      element =>
        ['href', 'src', 'action', 'formaction'].flatMap(name => {
          const value = element.getAttribute(name);
          return value === null ? [] : [new URL(value, document.baseURI).protocol];
        }),
    );
    return {
      ran: (window as { __xss?: unknown }).__xss ?? null,
      handlers: handlers.map(element => element.outerHTML.slice(0, 200)),
      foreign: [...foreign].map(element => element.outerHTML.slice(0, 200)),
      schemes: [...new Set(schemes)].filter(scheme => scheme !== 'http:' && scheme !== 'https:'),
    };
  });
  expect({ path: page.url(), ...found }).toEqual({
    path: page.url(),
    ran: null,
    handlers: [],
    foreign: [],
    schemes: [],
  });
}

/** Harm in every field that takes it. */
async function arrange(server: Visitor['server']): Promise<{ lab: Lab; customer: Person; jobs: Job[] }> {
  const name = (index: number) => (SCRIPTS[index % SCRIPTS.length] ?? '').slice(0, 200);
  const email = "a'onfocus=window.__xss=31@x.example";
  await server.addUser({ role: 'provider', email, firstName: name(0), lastName: name(1), password: PASSWORD });
  const lab = await Lab.return(server, email);
  await told(lab.api.PATCH('/api/v1/users/me', { body: { organization: `${name(2)} ${name(1)}` } }));
  const steps = ['load', 'measure'].map((tag, index) => ({
    tag,
    name: name(index + 3),
    points: 1,
    metadata_configurations: [
      ...SCRIPTS.map(script => ({ name: script, kind: 'text' as const, units: script.slice(0, 50) })),
      { name: `number ${name(1)}`, kind: 'number' as const, units: name(0).slice(0, 50) },
      { name: `link ${name(2)}`, kind: 'link' as const, units: null },
    ],
  }));
  const configuration = { tag: 'harm', name: name(1), version: '1.0.0', step_configurations: steps };
  await lab.describe(configuration);
  await lab.describe({ ...configuration, name: name(6), version: '2.0.0', step_configurations: steps.slice(0, 1) });
  const guest = await lab.accept(await lab.invite("i'onload=window.__xss=32@x.example"), name(2), name(1));
  await told(guest.api.PATCH('/api/v1/users/me', { body: { organization: name(1) } }));
  await told(guest.api.POST('/api/v1/api-keys', { body: { note: ALL.slice(0, 500) } }));
  await lab.invite("t'window.__xss=33@x.example");
  for (const note of [ALL.slice(0, 500), `${name(1)} soon`]) {
    const expires_at = new Date(Date.now() + 86_400_000).toISOString();
    await told(lab.api.POST('/api/v1/api-keys', { body: { note, expires_at } }));
  }
  const jobs: Job[] = [];
  for (const [index, script] of SCRIPTS.slice(0, 4).entries()) {
    const id = index === 0 ? 'harm-0' : `${script} ${index}`;
    jobs.push(await lab.open(id, { tag: 'harm', name: `${script} ${index}`, for: guest }));
    const texts = Object.fromEntries(
      SCRIPTS.map((script, at) => [script, ADDRESSES[(at + index) % ADDRESSES.length]]),
    );
    const unknown = Object.fromEntries(ADDRESSES.map((address, at) => [`${address} ${at}`, `${address} ${script}`]));
    const numbers = { [`number ${name(1)}`]: index + 1.5 };
    await lab.report(id, 'step', 'load', { name: ALL, event_metadata: { ...texts, ...unknown, ...numbers } });
    await lab.report(id, index % 2 === 0 ? 'error' : 'info', 'load', { name: `${script}${'<i>'.repeat(50)}` });
  }
  return { lab, customer: await Person.signIn(server, guest.email, PASSWORD), jobs };
}
