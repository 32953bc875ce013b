import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { launchBrowser, Visitor } from './support/browser';
import { isLive } from './support/steps';
import { test } from './support/test';

test('no page asks anybody else for anything', async ({ server, lab }) => {
  await lab.describe();
  const job = await lab.open('scan-1');
  await lab.report('scan-1', 'step', 'report', { event_metadata: { Report: 'https://reports.example/1' } });
  const folder = mkdtempSync(join(tmpdir(), 'milepost-net-'));
  const log = join(folder, 'net.json');
  try {
    const browser = await launchBrowser([
      `--log-net-log=${log}`,
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ]);
    const ada = await Visitor.arrive(browser, server);
    await ada.signIn(lab);
    const page = await ada.open('/dashboard');
    await isLive(page);
    for (const path of [
      `/jobs/${job.id}`,
      '/jobs',
      '/configurations/brain-volumes',
      '/configurations/new',
      '/api/docs/',
    ]) {
      await page.goto(path, { waitUntil: 'load' });
      await page.getByRole('heading').first().waitFor();
    }
    await browser.close();
    expect(ada.problems).toEqual([]);
    const asked = askedByPages(readFileSync(log, 'utf8'), server.url);
    expect(asked).toContain(`${server.url}/api/v1/jobs/stream`);
    expect(asked).toContain(`${server.url}/api/v1/jobs/${job.id}`);
    expect(asked.filter(url => !url.startsWith(`${server.url}/`))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Every address that the pages have asked for, and their workers. The browser has requests of its own in there. */
function askedByPages(log: string, origin: string): string[] {
  const { events } = JSON.parse(log) as { events: { params?: { initiator?: string; url?: string } }[] };
  return events.flatMap(({ params }) => (params?.initiator === origin && params.url ? [params.url] : []));
}
