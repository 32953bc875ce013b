import { describe, expect, test } from 'vitest';
import { bandPath, linePath, scaleBetween, scaleOfCounts, scaleTo, shownLabels, stack } from './scale';

describe('a scale', () => {
  test('ends with a round number above the highest', () => {
    expect(scaleTo(37).ticks).toEqual([0, 10, 20, 30, 40]);
    expect(scaleTo(0.62).ticks).toEqual([0, 0.2, 0.4, 0.6, 0.8]);
    expect(scaleTo(0.3).ticks).toEqual([0, 0.1, 0.2, 0.3]);
    expect(scaleTo(0).top).toBe(1);
  });

  test('of counts has whole numbers', () => {
    expect(scaleOfCounts(3).ticks).toEqual([0, 1, 2, 3]);
    expect(scaleOfCounts(0).ticks).toEqual([0, 1]);
    expect(scaleOfCounts(5).ticks.every(Number.isInteger)).toBe(true);
    expect(scaleOfCounts(1234).top).toBe(1500);
  });

  test('need not begin with zero', () => {
    expect(scaleBetween(1420, 1580).ticks).toEqual([1400, 1450, 1500, 1550, 1600]);
    expect(scaleBetween(-3, 5)).toMatchObject({ bottom: -4, top: 6 });
    const single = scaleBetween(7, 7);
    expect(single.bottom).toBeLessThanOrEqual(7);
    expect(single.top).toBeGreaterThanOrEqual(7);
  });
});

test('labels are left out evenly where they have no room', () => {
  const shown = shownLabels(30, 300, 50);
  expect(Array.from({ length: 30 }, (_, index) => index).filter(shown)).toEqual([0, 5, 10, 15, 20, 25]);
  expect(shownLabels(4, 300, 50)(3)).toBe(true);
  expect(shownLabels(400, 40, 50)(399)).toBe(false);
});

test('parts of a bar stand on each other', () => {
  expect(stack([2, 0, 3])).toEqual([
    { series: 0, from: 0, to: 2 },
    { series: 2, from: 2, to: 5 },
  ]);
});

describe('lines', () => {
  test('are broken where nothing is known', () => {
    expect(linePath([{ x: 0, y: 1 }, { x: 1, y: 2 }, null, { x: 3, y: 4 }])).toBe('M0 1L1 2M3 4');
  });

  test('have bands around them, of two points at least', () => {
    const at = (x: number) => ({ x, low: 10, high: 5 });
    expect(bandPath([at(0), at(1), null, at(3)])).toBe('M0 5L1 5L1 10L0 10Z');
  });
});
