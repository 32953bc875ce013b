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
  const job = await lab.open('bench-page', { tag: 'bench' });
  await lab.report('bench-page', 'info', 's0');
  const ada = await visit();
  const page = await ada.open(`/jobs/${job.id}`);
  await isLive(page);
  const perCent = await measure(page, 'bench-page', () =>
    progressOf(page).getByText('0 %', { exact: true }).waitFor(),
  );
  say('a job: its per cent', perCent);

  await lab.open('bench-row', { tag: 'bench' });
  await lab.report('bench-row', 'info', 's0');
  await page.goto('/jobs');
  await isLive(page);
  await rowOf(page, 'bench-row').waitFor();
  say('the list: per cent in its row', await measure(page, 'bench-row', () => rowOf(page, 'bench-row').waitFor()));
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

/**
 * Milliseconds from before an event is sent until the page shows it, both by the clock of this machine. Each event
 * changes the per cent by less than one point of a hundred, so it is seen by the bar and its words as well.
 */
async function measure(page: Page, id: string, isReady: () => Promise<void>): Promise<number[]> {
  await isReady();
  await page.evaluate(watchBars);
  const times: number[] = [];
  for (let number = 0; number < EVENTS; number += 1) {
    await page.evaluate(() => (window as unknown as Watching).expect());
    const sent = Date.now();
    const [step, fraction] = [Math.floor(number / 2), number % 2 === 0 ? 0.5 : 1];
    await lab.report(id, 'info', `s${step}`, { fraction });
    times.push((await page.evaluate(() => (window as unknown as Watching).shown)) - sent);
    // The page gathers what comes fast; news that comes alone is what is measured.
    await new Promise(pause => setTimeout(pause, 60));
  }
  return times;
}

type Watching = { shown: Promise<number>; expect: () => void };

/** Notes when a per cent or a segment of a bar has changed on the screen: the frame after the change. */
function watchBars(): void {
  const watching = window as unknown as Watching;
  let note: (at: number) => void = () => undefined;
  watching.expect = () => {
    watching.shown = new Promise(shown => {
      note = shown;
    });
  };
  const isOfProgress = (target: Node) => {
    const element = target instanceof Element ? target : target.parentElement;
    return element?.closest('[role=img], [aria-label=Progress], [role=row]') != null;
  };
  new MutationObserver(changes => {
    const isProgress = changes.some(({ target, type, attributeName }) => {
      return (
        isOfProgress(target) &&
        (type === 'characterData' ? /%/.test(target.textContent ?? '') : attributeName === 'style')
      );
    });
    if (isProgress) {
      requestAnimationFrame(() => note(Date.now()));
    }
  }).observe(document.body, { subtree: true, characterData: true, attributes: true, attributeFilter: ['style'] });
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
