import { describe, expect, it } from 'vitest';
import { figures, startOfDay } from './figures';

const quiet = { since: '2026-11-22T00:00:00Z', running: 3, silent: 0, finished: 7, in_error: 0 };

describe('the figures of the dashboard', () => {
  it('lead each to the jobs it counts', () => {
    expect(figures(quiet).map(({ count, jobs }) => [count, jobs])).toEqual([
      [3, { status: ['running'] }],
      [7, { status: ['completed'], finished_from: '2026-11-22T00:00:00Z' }],
      [0, { status: ['error'] }],
      [0, { silent: true }],
    ]);
  });

  it('are calm while nothing is wrong', () => {
    expect(figures(quiet).every(({ tone }) => tone === 'calm')).toBe(true);
    const tones = figures({ ...quiet, silent: 1, in_error: 2 }).map(({ tone }) => tone);
    expect(tones).toEqual(['calm', 'calm', 'error', 'warning']);
  });
});

it('today begins at midnight where the browser is', () => {
  expect(startOfDay(new Date(2026, 10, 22, 15, 30))).toBe(new Date(2026, 10, 22).toISOString());
});
