import { describe, expect, test } from 'vitest';
import type { Figures, JobFiguresPart } from '../../api/types';
import { byConfiguration, byStatus, isNothing, throughput } from './parts';

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

function part(date: string, opened: Record<string, number>, rest: Partial<JobFiguresPart> = {}): JobFiguresPart {
  const configurations = Object.entries(opened).map(([tag, count]) => ({
    ...NOTHING,
    tag: tag === 'rest' ? null : tag,
    opened: count,
  }));
  const sum = Object.values(opened).reduce((all, one) => all + one, 0);
  return { ...NOTHING, date, from: '', to: '', open: 0, opened: sum, configurations, ...rest };
}

describe('jobs by configuration', () => {
  test('have a colour for those with most, and one for all others', () => {
    const parts = [
      part('2026-11-01', { a: 1, b: 9, c: 3, d: 4, e: 5, f: 6, g: 7, rest: 2 }),
      part('2026-11-02', { a: 1 }),
    ];
    const { series, bars, table } = byConfiguration(parts, 'day');
    expect(series.map(({ label }) => label)).toEqual(['b', 'g', 'f', 'e', 'd', 'c', 'All others']);
    expect(series.at(-1)?.colour).toBe('var(--series-rest)');
    expect(bars.map(({ values }) => values)).toEqual([
      [9, 7, 6, 5, 4, 3, 3],
      [0, 0, 0, 0, 0, 0, 1],
    ]);
    expect(table.columns.slice(0, 3)).toEqual(['Day', 'Opened', 'b']);
    expect(table.rows[0]?.slice(0, 2)).toEqual(['2026-11-01', 37]);
  });

  test('have no others where there are none', () => {
    const { series, bars } = byConfiguration([part('2026-11-01', { a: 2 })], 'month');
    expect(series.map(({ label }) => label)).toEqual(['a']);
    expect(bars).toMatchObject([{ short: 'Nov', values: [2] }]);
  });
});

test('jobs by status tell of deleted ones where there are such', () => {
  const statuses = { completed: 1, running: 2, pending: 3, error: 4 };
  expect(byStatus([part('2026-11-01', {}, statuses)], 'day').bars[0]?.values).toEqual([1, 2, 3, 4]);
  const deleted = byStatus([part('2026-11-01', {}, { ...statuses, abandoned: 5 })], 'day');
  expect(deleted.bars[0]?.values).toEqual([1, 2, 3, 4, 5]);
  expect(deleted.series.map(({ isHatched }) => isHatched)).toEqual([false, false, false, true, false]);
});

test('what ended has its hours and points in the table', () => {
  const { bars, table } = throughput(
    [part('2026-11-01', {}, { finished: 3, failed: 1, hours: 1.25, points: 30 })],
    'day',
  );
  expect(bars[0]?.values).toEqual([3, 1]);
  expect(table.rows).toEqual([['2026-11-01', 3, 1, 1.25, 0, 30, 0]]);
});

test('nothing is to be shown where no job was opened, under way or ended', () => {
  const idle = part('2026-11-01', {});
  expect(isNothing({ totals: NOTHING, parts: [idle] })).toBe(true);
  expect(isNothing({ totals: NOTHING, parts: [{ ...idle, open: 1 }] })).toBe(false);
  expect(isNothing({ totals: { ...NOTHING, errors: 1 }, parts: [idle] })).toBe(false);
});
