import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, test } from 'vitest';
import { launchBrowser, Visitor } from './support/browser';
import { Lab } from './support/people';
import { Server } from './support/server';
import { isLive, progressOf, rowOf } from './support/steps';

const EVENTS = 200;
const STEPS = 100;
const TIMELINE = 10_000;
const ROWS = 200;
const RATE = 50;
const SCROLLING = 10_000;

let server: Server;
let browser: Browser;
let lab: Lab;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launchBrowser()]);
  lab = await Lab.found(server);
  const steps = Array.from({ length: STEPS }, (_, index) => ({ tag: `s${index}`, name: `Step ${index}`, points: 1 }));
  await lab.describe({ tag: 'bench', name: 'Bench', version: '1.0.0', step_configurations: steps });
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

test('from the request to the screen', async () => {
  const ada = await visit();
  const page = await ada.open('/jobs');
  const [inRow, ofJob, ofBar]: number[][] = [[], [], []];
  for (let round = 0; round < EVENTS / STEPS; round += 1) {
    const [listed, opened] = [`row-${round}`, `page-${round}`];
    await lab.open(listed, { tag: 'bench' });
    await lab.report(listed, 'info', 's0');
    await page.goto('/jobs');
    await rowOf(page, listed).waitFor();
    for (const { perCent } of await measure(page, listed, '[role=row]')) {
      inRow?.push(perCent);
    }
    const job = await lab.open(opened, { tag: 'bench' });
    await page.goto(`/jobs/${job.id}`);
    await progressOf(page).getByText('0 %', { exact: true }).waitFor();
    for (const { perCent, bar } of await measure(page, opened, '[aria-label=Progress]')) {
      ofJob?.push(perCent);
      ofBar?.push(bar);
    }
  }
  say('the list: per cent in a row', inRow ?? []);
  say('a job: its per cent', ofJob ?? []);
  say('a job: its bar', ofBar ?? []);
  await ada.leave();
});

test('scrolling through 10,000 events', async () => {
  const job = await lab.open('bench-long', { tag: 'bench' });
  const names = Array.from({ length: TIMELINE }, (_, number) => `Slice ${number}`);
  await lab.reportAll(
    'bench-long',
    names.map(name => ['info', 's0', { name }]),
  );
  const ada = await visit();
  const page = await ada.open(`/jobs/${job.id}`);
  await page.getByText('10,000 events').waitFor();
  sayFrames('10,000 events, scrolled for 10 s', await scroll(page, 'section[aria-label="Events, newest first"]'));
  await ada.leave();
});

test('200 rows at 50 events a second', async () => {
  for (let number = 0; number < ROWS; number += 20) {
    const some = Array.from({ length: 20 }, (_, index) => `live-${number + index}`);
    await Promise.all(some.map(id => lab.open(id, { tag: 'bench' })));
  }
  const ada = await visit();
  const page = await ada.open('/jobs');
  await isLive(page);
  await page
    .getByText(/^live-/)
    .first()
    .waitFor();
  let sent = 0;
  const begun = Date.now();
  const ticking = setInterval(() => {
    for (; sent < ((Date.now() - begun) / 1000) * RATE; sent += 1) {
      const [id, step] = [`live-${sent % ROWS}`, `s${Math.floor(sent / ROWS) % STEPS}`];
      void lab.report(id, 'info', step, { fraction: 0.5 }).catch(() => undefined);
    }
  }, 20);
  const frames = await scroll(page, null);
  clearInterval(ticking);
  sayFrames(`200 rows, ${Math.round((sent * 1000) / (Date.now() - begun))} events/s, scrolled for 10 s`, frames);
  await ada.leave();
});

async function visit(): Promise<Visitor> {
  const visitor = await Visitor.arrive(browser, server);
  await visitor.signIn(lab);
  return visitor;
}

type Times = { perCent: number; bar: number };
type Watching = { seen: Promise<Times>; expect: (within: string, id: string, done: number) => void };

/** Milliseconds from before each event is sent until the page shows it, both by the clock of this machine. */
async function measure(page: Page, id: string, within: string): Promise<Times[]> {
  await isLive(page);
  await page.evaluate(watch);
  const times: Times[] = [];
  for (let done = 1; done <= STEPS; done += 1) {
    await page.evaluate(args => (window as unknown as Watching).expect(...args), [within, id, done] as const);
    const sent = Date.now();
    await lab.report(id, 'step', `s${done - 1}`);
    const { perCent, bar } = await page.evaluate(() => (window as unknown as Watching).seen);
    times.push({ perCent: perCent - sent, bar: bar - sent });
  }
  return times;
}

/** Notes the frame in which a job's per cent is what is expected, and the one in which its bar is. */
function watch(): void {
  const watching = window as unknown as Watching;
  let look: () => void = () => undefined;
  watching.expect = (within, id, done) => {
    const shown: Partial<Times> = {};
    const hasPerCent = new RegExp(`(^|\\D)${done} %`);
    watching.seen = new Promise(seen => {
      const note = (what: keyof Times) =>
        requestAnimationFrame(() => {
          shown[what] ??= Date.now();
          if (shown.perCent !== undefined && shown.bar !== undefined) {
            seen({ perCent: shown.perCent, bar: shown.bar });
          }
        });
      look = () => {
        const place = [...document.querySelectorAll(within)].find(element => element.textContent?.includes(id));
        if (hasPerCent.test(place?.textContent ?? '')) {
          note('perCent');
        }
        if (place?.querySelector('[role=img]')?.getAttribute('aria-label')?.includes(`${done} of`)) {
          note('bar');
        }
      };
      look();
    });
  };
  const observed = { subtree: true, childList: true, characterData: true, attributes: true };
  new MutationObserver(() => look()).observe(document.body, observed);
}

type Frames = { count: number; longest: number; slow: number; longTasks: number; blocked: number };

/** Scrolls up and down for a while, and counts the frames. */
async function scroll(page: Page, selector: string | null): Promise<Frames> {
  return page.evaluate(
    async ([selector, duration]) => {
      const element = selector === null ? document.scrollingElement : document.querySelector(selector);
      const tasks: number[] = [];
      new PerformanceObserver(list => {
        tasks.push(...list.getEntries().map(entry => entry.duration));
      }).observe({ entryTypes: ['longtask'] });
      const frames: number[] = [];
      const end = performance.now() + Number(duration);
      let direction = 60;
      for (let last = performance.now(); last < end; ) {
        const now = await new Promise<number>(next => requestAnimationFrame(next));
        frames.push(now - last);
        last = now;
        const before = element?.scrollTop ?? 0;
        element?.scrollBy(0, direction);
        if (element?.scrollTop === before) {
          direction = -direction;
        }
      }
      return {
        count: frames.length,
        longest: Math.max(...frames),
        slow: frames.filter(frame => frame > 34).length,
        longTasks: tasks.length,
        blocked: tasks.reduce((sum, task) => sum + task, 0),
      };
    },
    [selector, SCROLLING] as const,
  );
}

function say(what: string, times: number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  print(what, `${times.length} events`, `p50 ${at(0.5)} ms`, `p95 ${at(0.95)} ms`, `max ${at(1)} ms`);
}

function sayFrames(what: string, { count, longest, slow, longTasks, blocked }: Frames): void {
  const perSecond = Math.round((count * 1000) / SCROLLING);
  print(what, `${perSecond} frames/s`, `${slow} of ${count} above 34 ms`, `longest ${Math.round(longest)} ms`);
  print('', `${longTasks} long tasks, ${Math.round(blocked)} ms in all`);
}

function print(what: string, ...columns: string[]): void {
  process.stdout.write(`${what.padEnd(48)}${columns.map(column => column.padEnd(22)).join('')}\n`);
}
