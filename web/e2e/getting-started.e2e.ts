import { expect } from 'vitest';
import { Lab } from './support/people';
import { Machine } from './support/programs';
import { button, choose, copied, progressOf } from './support/steps';
import { soon, test } from './support/test';

const TITLES = ['Create an API key', 'Register a configuration', 'Open a job', 'Report events'];

test('the commands lead from nothing to a job in each language', async ({ server, visit }) => {
  for (const [index, language] of ['curl', 'Python requests', 'Python package', 'Command line'].entries()) {
    const lab = await Lab.found(server, `ada.${index}@aurora.example`);
    const { data } = await lab.api.POST('/api/v1/api-keys', { body: { note: 'My laptop' } });
    const key = data?.key ?? '';
    const ada = await visit();
    await ada.signIn(lab);
    const page = await ada.open('/getting-started');
    await page.getByText('1 of 4 done').waitFor();
    await button(page, 'Show how: Create an API key').click();
    await choose(page, 'Language of the commands', language);

    const commands: string[] = [];
    for (const title of TITLES) {
      await page.evaluate(() => navigator.clipboard.writeText(''));
      await button(page, `Copy the commands: ${title}`).click();
      await soon(() => copied(page)).not.toBe('');
      commands.push(await copied(page));
    }
    const isLogin = language === 'Command line';
    // A terminal asks for the key; where there is none it is read from standard input.
    const code = commands
      .join('\n\n')
      .replace('mp_…', key)
      .replace(/^milepost login.*/, '$& --key-stdin');
    const machine = new Machine();
    try {
      await machine.run(language, code, isLogin ? { input: key } : { key });
    } finally {
      machine.leave();
    }

    await page.getByText('4 of 4 done').waitFor();
    await page.getByRole('link', { name: 'Watch it live' }).click();
    await progressOf(page).getByText('100 %').waitFor();
    expect((await lab.jobs()).map(job => [job.provider_job_id, job.status])).toEqual([['first-job', 'completed']]);
  }
});
