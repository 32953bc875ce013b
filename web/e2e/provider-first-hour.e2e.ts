import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Locator, Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import type { Job } from '../src/api/types';
import { Lab, PASSWORD, told } from './support/people';
import { Machine, RUNS } from './support/programs';
import {
  arrivesAt,
  button,
  choose,
  copied,
  dialog,
  field,
  isLive,
  progressOf,
  stepOf,
  textOf,
  typeSignIn,
} from './support/steps';
import { soon, test } from './support/test';

const run = promisify(execFile);

test("a provider's first hour, with the server killed in the middle", async ({ server, visit }) => {
  const names = { firstName: 'Ada', lastName: 'Lindqvist' };
  await server.addUser({ role: 'provider', email: 'ada@aurora.example', ...names, password: PASSWORD });
  const ada = await visit();
  ada.expectOutage();
  const page = await ada.open('/');
  await typeSignIn(page, 'ada@aurora.example', PASSWORD);
  await arrivesAt(page, '/dashboard');
  await page.getByRole('region', { name: 'Getting started' }).getByRole('link', { name: 'Go on' }).click();
  await page.getByText('0 of 4 done').waitFor();

  const key = await makeKey(page);
  await page.getByText('1 of 4 done').waitFor();
  const env = { ...process.env, MILEPOST_URL: server.url, MILEPOST_API_KEY: key };

  await page.getByRole('link', { name: 'Use the form instead' }).click();
  await describeByForm(page);
  await page.getByRole('link', { name: 'Getting started' }).click();
  await page.getByText('2 of 4 done').waitFor();

  await button(page, 'Copy the commands: Open a job').click();
  const openJob = await copied(page);
  await run('bash', ['-euc', openJob], { env });
  await page.getByRole('link', { name: 'Jobs', exact: true }).click();
  await page.getByRole('link', { name: 'Bones from a CT' }).click();
  await page.getByText('Nothing has been reported yet').waitFor();
  await isLive(page);

  await server.kill();
  await page.getByRole('status').getByText('Offline').waitFor();
  await server.restart();
  await isLive(page);

  const second = await ada.open('/getting-started');
  await second.getByText('3 of 4 done').waitFor();
  await button(second, 'Copy the commands: Report events').click();
  const reporting = run('bash', ['-euc', await copied(second)], { env });
  await progressOf(page).getByText('20 %', { exact: true }).waitFor();
  await reporting;
  await progressOf(page).getByText('Completed', { exact: true }).waitFor();
  await second.getByText('4 of 4 done').waitFor();
  await second.getByText('That is all: your job is on its way.').waitFor();
  await second.getByRole('link', { name: 'Watch it live' }).click();
  await progressOf(second).getByText('100 %').waitFor();

  await describeByJson(page);
  const lab = await Lab.return(server, 'ada@aurora.example');
  const machine = new Machine();
  onTestFinished(() => machine.leave());
  for (const [index, language] of Object.keys(RUNS).entries()) {
    await page.goto('/configurations/liver');
    await choose(page, 'Language', language);
    await field(page, 'Your own id of the job').fill(`liver-${index}`);
    const isOneScript = !['Python package', 'Unchanged program'].includes(language);
    if (language === 'Unchanged program') {
      for (const [title, file] of FILES) {
        await button(page, `Copy: ${title}`).click();
        await soon(() => copied(page)).toContain('cut');
        machine.save(file, await copied(page));
      }
    }
    const title = language === 'Python package' ? 'Report a job' : 'Run it';
    await button(page, isOneScript ? 'Copy all as one script' : `Copy: ${title}`).click();
    await soon(() => copied(page)).toContain(`liver-${index}`);
    await machine.run(language, await copied(page), { key });
    const found = async () => (await lab.jobs()).find(job => job.provider_job_id === `liver-${index}`);
    await soon(async () => (await found())?.status).toBe('completed');
    expect(await volumeIn(lab, await found())).toBe(12.5);
  }
  await page.goto('/dashboard');
  await page.getByRole('link', { name: '6 Finished today' }).waitFor();
});

/** What the page shows as files, by the titles there. */
const FILES = [
  ['rules.toml: what lines of the program mean', 'rules.toml'],
  ['run.sh: an example, for your own program', 'run.sh'],
] as const;

/** What the only step of a job has measured. */
async function volumeIn(lab: Lab, job: Job | undefined): Promise<unknown> {
  const params = { path: { id: job?.id ?? '' } };
  const { steps } = await told(lab.api.GET('/api/v1/jobs/{id}', { params }));
  return steps[0]?.metadata.find(({ name }) => name === 'Volume of it')?.value;
}

/** Makes a key on the checklist; the secret is shown once. */
async function makeKey(page: Page): Promise<string> {
  await button(page, 'Create a key').click();
  await field(dialog(page, 'Create a key'), 'What is it for?').fill('Scanner room 2');
  await button(dialog(page, 'Create a key'), 'Create the key').click();
  const shown = dialog(page, 'Copy your key now');
  const key = await textOf(shown.getByRole('group', { name: 'the key' }));
  await button(shown, 'I have stored it').click();
  await shown.waitFor({ state: 'detached' });
  expect(await page.content()).not.toContain(key);
  return key;
}

async function describeByForm(page: Page): Promise<void> {
  await field(page, 'Tag').first().fill('bones');
  await field(page, 'Name').first().fill('Bones from a CT');
  const [first, second] = [stepOf(page, 1), stepOf(page, 2)];
  await first.getByLabel(/^Tag/).fill('load');
  await first.getByLabel(/^Name/).fill('Load the images');
  await first.getByLabel(/^Points/).fill('20');
  await button(page, 'Add a step').click();
  await second.getByLabel(/^Tag/).fill('two words');
  await second.getByLabel(/^Name/).fill('Measure');
  await second.getByLabel(/^Points/).fill('80');
  await soon(() => second.getByLabel(/^Tag/).getAttribute('aria-invalid')).toBe('true');
  await second.getByLabel(/^Tag/).fill('measure');
  await soon(() => second.getByLabel(/^Tag/).getAttribute('aria-invalid')).toBe('false');
  await page.getByText('100 points').waitFor();
  await button(page, 'Register').click();
  await arrivesAt(page, '/configurations/bones');
}

async function describeByJson(page: Page): Promise<void> {
  const step = {
    tag: 'cut',
    name: 'Cut it out',
    points: 1,
    metadata_configurations: [{ name: 'Volume of it', kind: 'number' }],
  };
  const liver = { tag: 'liver', name: 'Liver', version: '1.0.0', step_configurations: [step] };
  await page.getByRole('link', { name: 'Configurations' }).click();
  await page.getByRole('link', { name: 'New configuration' }).click();
  await choose(page, 'How to edit', 'JSON');
  const editor = page.getByRole('textbox', { name: 'The configuration as JSON' });
  await paste(page, editor, JSON.stringify({ ...liver, step_configurations: [{ ...step, points: -1 }] }, null, 2));
  await page.getByText('1 problem to mend').waitFor();
  await paste(page, editor, `${JSON.stringify(liver, null, 2)},`);
  await page.getByText('No JSON yet', { exact: true }).waitFor();
  await paste(page, editor, JSON.stringify(liver, null, 2));
  await page.getByText('1 problem to mend').waitFor({ state: 'detached' });
  await page.getByText('No JSON yet', { exact: true }).waitFor({ state: 'detached' });
  await button(page, 'Register').click();
  await arrivesAt(page, '/configurations/liver');
}

/** Puts text in the place of all that an editor has, as people do. */
async function paste(page: Page, editor: Locator, text: string): Promise<void> {
  await page.evaluate(copied => navigator.clipboard.writeText(copied), text);
  await editor.click();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Control+v');
}
