import { describe, expect, test } from 'vitest';
import type { Figures, JobFiguresPart, StepFiguresItem, StepVersionFigures } from '../../api/types';
import {
  beforeInWords,
  change,
  failing,
  failsMost,
  jobsInWords,
  longPart,
  openInWords,
  percent,
  seconds,
  shortPart,
  slowed,
  slowestInWords,
  throughputInWords,
  turn,
  versionsInWords,
} from './words';

const NOTHING: Figures = {
  opened: 0,
  pending: 0,
  running: 0,
  completed: 0,
  error: 0,
  abandoned: 0,
  finished: 0,
  failed: 0,
  hours: 0,
  steps: 0,
  points: 0,
  errors: 0,
};

function part(date: string, rest: Partial<JobFiguresPart>): JobFiguresPart {
  return { ...NOTHING, date, from: '', to: '', open: 0, configurations: [], ...rest };
}

function version(name: string, errors: number, finished: number, median: number | null = 10): StepVersionFigures {
  return {
    version: name,
    first_seen: '2026-11-12T10:30:00Z',
    finished,
    errors,
    error_rate: errors + finished === 0 ? null : errors / (errors + finished),
    samples: median === null ? 0 : finished,
    median,
    p90: median === null ? null : median * 2,
  };
}

function step(name: string, versions: StepVersionFigures[]): StepFiguresItem {
  const errors = versions.reduce((sum, one) => sum + one.errors, 0);
  const finished = versions.reduce((sum, one) => sum + one.finished, 0);
  return {
    ...version('', errors, finished, versions.at(-1)?.median ?? null),
    tag: 'kidney',
    step: name,
    name,
    error_rate_before: null,
    versions,
  };
}

describe('a change', () => {
  test('is told in per cent, or in times where that reads better', () => {
    expect(change(112, 100)?.words).toBe('+12 %');
    expect(change(97, 100)?.words).toBe('−3 %');
    expect(change(1000, 999)?.words).toBe('as before');
    expect(change(1200, 100)?.words).toBe('12 times');
    expect(change(0, 4)?.words).toBe('−100 %');
  });

  test('has nothing to go by where nothing was', () => {
    expect(change(3, 0)).toEqual({ words: 'none before', direction: 'up' });
    expect(change(0, 0)).toBeNull();
  });

  test('is against days that are said', () => {
    const before = { from: '2026-09-30T22:00:00Z', to: '2026-10-31T23:00:00Z' };
    expect(beforeInWords(before, 'Europe/Berlin')).toMatch(/^1 – 31 Oct/);
  });
});

test('shares are never rounded to nothing', () => {
  expect([0, 0.0004, 0.004, 0.0961, 0.12, 1].map(percent)).toEqual([
    '0 %',
    '< 0.1 %',
    '0.4 %',
    '9.6 %',
    '12 %',
    '100 %',
  ]);
});

test('days and months have names', () => {
  expect([shortPart('2026-11-03', 'day'), shortPart('2026-11-01', 'month')]).toEqual(['3 Nov', 'Nov']);
  expect([longPart('2026-11-03', 'day'), longPart('2026-11-01', 'month')]).toEqual([
    'Tue, 3 Nov 2026',
    'November 2026',
  ]);
});

describe('what charts of jobs say', () => {
  const parts = [
    part('2026-11-01', { opened: 2, finished: 1, open: 3 }),
    part('2026-11-02', { opened: 5, finished: 3, open: 1 }),
  ];

  test('is how many, and when most', () => {
    expect(jobsInWords(parts, { ...NOTHING, opened: 7, completed: 4 }, 'day')).toBe(
      '7 jobs opened, 4 of them completed by now; most on 2 Nov: 5.',
    );
    expect(throughputInWords(parts, { ...NOTHING, finished: 4 }, 'month')).toBe(
      '4 jobs finished, 2 a month on average, at most 3 in November 2026.',
    );
    expect(openInWords(parts)).toBe('1 job open at the end; at most 3.');
  });

  test('is that there was nothing, where there was', () => {
    expect(jobsInWords([], NOTHING, 'day')).toBe('No jobs were opened in this time.');
    expect(throughputInWords([part('2026-11-01', {})], NOTHING, 'day')).toBe(
      'No job finished or failed in this time.',
    );
    expect(openInWords([part('2026-11-01', {})])).toBe('No job was open at the end of any of these days.');
  });
});

describe('since which version a step fails', () => {
  test('is where the rates on both sides differ most clearly', () => {
    const versions = [version('1.2.0', 2, 98), version('1.3.0', 30, 170), version('1.4.0', 28, 172)];
    expect(turn(versions)).toMatchObject({
      version: '1.3.0',
      before: { errors: 2, attempts: 100 },
      since: { errors: 58, attempts: 400 },
    });
  });

  test('is not said of chance, of few, or of what became better', () => {
    expect(turn([version('1.0.0', 5, 95), version('1.1.0', 7, 93)])).toBeNull();
    expect(turn([version('1.0.0', 0, 3), version('1.1.0', 20, 20)])).toBeNull();
    expect(turn([version('1.0.0', 30, 70), version('1.1.0', 2, 98)])).toBeNull();
    expect(turn([version('1.0.0', 0, 0), version('1.1.0', 0, 0)])).toBeNull();
  });

  test('is said in a sentence', () => {
    const items = [
      step('left', [version('1.2.0', 2, 98), version('1.3.0', 24, 76)]),
      step('right', [version('1.2.0', 3, 97)]),
      step('report', [version('1.2.0', 0, 100)]),
    ];
    expect(failsMost(items)).toEqual({
      step: 'left',
      rest: ' of kidney fails most: 13 % of 200 attempts, since 1.3.0: 24 % of 100 there, 2 % of 100 before.',
    });
    expect(failsMost(items.slice(1))?.rest).toBe(' of kidney fails most: 3 % of 100 attempts.');
    expect(failsMost(items.slice(2))).toBeNull();
  });

  test('needs versions to compare', () => {
    expect(versionsInWords(step('right', [version('1.2.0', 3, 97)]))).toMatch(/^Only 1.2.0 ran/);
    expect(versionsInWords(step('x', [version('1.0.0', 5, 95), version('1.1.0', 7, 93)]))).toMatch(
      /^No version differs/,
    );
  });

  test('leaves those with few attempts for last', () => {
    const rare = step('rare', [version('1.0.0', 1, 1)]);
    const often = step('often', [version('1.0.0', 10, 90)]);
    expect(failing([rare, often]).map(({ step }) => step)).toEqual(['often', 'rare']);
  });
});

describe('times of steps', () => {
  test('are slower since the version that takes a quarter longer than the one before', () => {
    const versions = [version('1.0.0', 0, 40, 10), version('1.1.0', 0, 40, 10.5), version('1.2.0', 0, 40, 17)];
    expect(slowed(versions)).toMatchObject({ version: '1.2.0', before: '1.1.0' });
    expect(slowed([version('1.0.0', 0, 40, 10), version('1.1.0', 0, 3, 30)])).toBeNull();
    expect(slowestInWords([step('left', versions)])?.rest).toBe(
      ' of kidney takes longest: half of its runs up to 17 s, nine of ten up to 34 s. 1.2.0 takes 62 % longer than 1.1.0.',
    );
  });

  test('are told in the unit that fits', () => {
    expect([0.25, 1.234, 42.7, 200].map(seconds)).toEqual(['250 ms', '1.2 s', '42 s', '3 min 20 s']);
  });
});
