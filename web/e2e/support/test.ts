import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test as base, expect } from 'vitest';
import { type Look, launchBrowser, PATIENCE, Visitor } from './browser';
import { Lab } from './people';
import { Server } from './server';

const FAILURES = resolve(import.meta.dirname, '../failures');

/**
 * A test with a server of its own. `visit` gives somebody a browser; whatever goes wrong in it without being expected
 * fails the test. Of a failure a screenshot of every page and a log are kept in `e2e/failures`.
 */
export const test = base
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from the pattern what a fixture needs
  .extend('browser', { scope: 'file' }, async ({}, { onCleanup }) => {
    const browser = await launchBrowser();
    onCleanup(() => browser.close());
    return browser;
  })
  // biome-ignore lint/correctness/noEmptyPattern: as above
  .extend('server', async ({}, { onCleanup }) => {
    const server = await Server.start();
    onCleanup(() => server.stop());
    return server;
  })
  .extend('lab', ({ server }) => Lab.found(server))
  .extend('visit', async ({ browser, server, task, onTestFinished }, { onCleanup }) => {
    const visitors: Visitor[] = [];
    let problems: string[] = [];
    onCleanup(async () => {
      problems = visitors.flatMap(visitor => visitor.problems);
      if (task.result?.state === 'fail' || problems.length > 0) {
        await keep(task.name, visitors, server);
      }
      await Promise.allSettled(visitors.map(visitor => visitor.leave()));
    });
    // Not in the clean-up: what throws there keeps the rest from being cleaned up.
    onTestFinished(() => expect(problems, 'what went wrong in the pages').toEqual([]));
    return async (look: Look = {}) => {
      const visitor = await Visitor.arrive(browser, server, look);
      visitors.push(visitor);
      return visitor;
    };
  });

/** Waits until what is read fits: `await soon(() => rows.count()).toBe(3)`. */
export function soon<T>(read: () => T | Promise<T>, within = PATIENCE) {
  return expect.poll(read, { timeout: within, interval: 50 });
}

async function keep(name: string, visitors: Visitor[], server: Server): Promise<void> {
  mkdirSync(FAILURES, { recursive: true });
  const title = name.replaceAll(/[^a-zA-Z0-9]+/g, '-').slice(0, 80);
  const pages = visitors.flatMap(visitor => visitor.pages);
  for (const [index, page] of pages.entries()) {
    const path = join(FAILURES, `${title}-${index + 1}.png`);
    await page.screenshot({ path, timeout: 5_000 }).catch(() => undefined);
  }
  const logs = visitors.map((visitor, index) => `== visitor ${index + 1}\n${visitor.log}\n`);
  writeFileSync(join(FAILURES, `${title}.log`), `${logs.join('\n')}\n== server\n${server.log}`);
}
