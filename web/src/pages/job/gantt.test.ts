import { describe, expect, test } from 'vitest';
import { describeRow, layOut, shares, summarize, ticks, untilItMoves } from './gantt';
import { aJob, anEvent, aStep, NOW, secondsAgo } from './samples';

const now = NOW.getTime();
const finished = (tag: string, from: number, to: number) =>
  aStep(tag, { status: 'finished', started_at: secondsAgo(from), finished_at: secondsAgo(to), attempts: 1 });

function chartOf(...parts: Parameters<typeof aJob>) {
  const chart = layOut(aJob(...parts), [], now);
  if (chart === null) {
    throw new Error('no chart');
  }
  return chart;
}

describe('the chart of a job', () => {
  test('without anything begun there is none', () => {
    expect(layOut(aJob({ status: 'pending' }, [aStep('a')]), [], now)).toBeNull();
  });

  test('spans the job, and each bar has its place in it', () => {
    const job = { status: 'completed', started_at: secondsAgo(100), finished_at: secondsAgo(0) } as const;
    const chart = chartOf(job, [finished('a', 100, 75), finished('b', 75, 0)]);
    expect(chart.rows.map(row => row.bar && shares(chart, row.bar))).toEqual([
      { left: 0, width: 25 },
      { left: 25, width: 75 },
    ]);
    expect(chart.gaps).toEqual([]);
    expect(summarize(chart)).toBe('No gaps: at every moment a step was under way.');
  });

  test('measures the times in which nothing ran', () => {
    const job = { status: 'completed', started_at: secondsAgo(100), finished_at: secondsAgo(0) } as const;
    const chart = chartOf(job, [finished('a', 100, 80), finished('b', 60, 20)]);
    expect(chart.gaps.map(gap => (gap.to - gap.from) / 1000)).toEqual([20, 20]);
    expect(chart.rows[1]?.gapBefore).toBe(20_000);
    expect(summarize(chart)).toBe('No step ran for 40 s of 1 min 40 s, in 2 gaps, the longest 20 s.');
  });

  test('is no gap while another step runs', () => {
    const job = { status: 'completed', started_at: secondsAgo(100), finished_at: secondsAgo(0) } as const;
    const chart = chartOf(job, [finished('all along', 100, 0), finished('a', 90, 80), finished('b', 60, 20)]);
    expect(chart.gaps).toEqual([]);
  });

  test('reaches to now as long as it runs', () => {
    const steps = [aStep('a', { status: 'running', started_at: secondsAgo(50), attempts: 1 })];
    const chart = chartOf({ status: 'running', started_at: secondsAgo(50) }, steps);
    expect(chart.to).toBe(now);
    expect(chart.rows[0]?.bar).toEqual({ from: now - 50_000, to: now, isOpen: true });
  });

  test('waits in sight when a running job runs no step', () => {
    const chart = chartOf({ status: 'running', started_at: secondsAgo(50) }, [finished('a', 50, 30), aStep('b')]);
    expect(chart.gaps).toEqual([{ from: now - 30_000, to: now }]);
  });

  test('ends with the last error of a failed job, not with its late arrival', () => {
    const job = aJob({ status: 'error', started_at: secondsAgo(500), last_event_at: secondsAgo(1) }, [
      aStep('a', { status: 'error', started_at: secondsAgo(500), attempts: 2 }),
    ]);
    const errors = [anEvent(2, 300, { kind: 'error', tag: 'a' }), anEvent(4, 400, { kind: 'error', tag: 'a' })];
    const chart = layOut(job, errors, now);
    expect(chart?.to).toBe(now - 300_000);
    expect(chart?.rows[0]?.bar?.to).toBe(now - 300_000);
    expect(chart?.rows[0]?.errors).toEqual([now - 300_000, now - 400_000]);
  });

  test('marks errors that name no step on the whole of it', () => {
    const job = aJob({ status: 'running', started_at: secondsAgo(50) }, [finished('a', 50, 30)]);
    expect(layOut(job, [anEvent(2, 40, { kind: 'error' })], now)?.errors).toEqual([now - 40_000]);
  });

  test('has a width even if all happened at once', () => {
    const job = { status: 'completed', started_at: secondsAgo(5), finished_at: secondsAgo(5) } as const;
    const chart = chartOf(job, [finished('a', 5, 5)]);
    expect(shares(chart, { from: chart.from, to: chart.from })).toEqual({ left: 0, width: 0 });
  });
});

test('a row says what is known of it', () => {
  const job = { status: 'completed', started_at: secondsAgo(100), finished_at: secondsAgo(0) } as const;
  const inferred = { ...finished('b', 60, 20), started_at_inferred: true };
  const [, row, pending] = chartOf(job, [finished('a', 100, 80), inferred, aStep('c')]).rows;
  expect(row && describeRow(row)).toMatch(/40 s; start inferred; nothing ran for 20 s before it$/);
  expect(pending && describeRow(pending)).toBe('not begun');
});

describe('ticks', () => {
  test.each([
    [90_000, 5, ['0', '30 s', '1 min', '1 min 30 s']],
    [600_000, 4, ['0', '5 min', '10 min']],
    [7_200_000, 5, ['0', '30 min', '1 h', '1 h 30 min', '2 h']],
    [40, 5, ['0', '10 ms', '20 ms', '30 ms', '40 ms']],
    [3 * 86_400_000, 4, ['0', '1 d', '2 d', '3 d']],
  ])('of %i ms with room for %i', (span, most, labels) => {
    expect(ticks(span, most).map(tick => tick.label)).toEqual(labels);
  });

  test.each([1, 999, 61_000, 3_600_001, 9e8, 4e11])('of %i ms are never more than there is room for', span => {
    for (const most of [2, 4, 8]) {
      const found = ticks(span, most);
      expect(found.length).toBeLessThanOrEqual(most);
      expect(found.at(-1)?.at).toBeLessThanOrEqual(span);
    }
  });
});

test('a long chart moves seldom, a short one often', () => {
  expect(untilItMoves(10_000)).toBe(250);
  expect(untilItMoves(600_000)).toBe(1_000);
  expect(untilItMoves(1e9)).toBe(30_000);
});
