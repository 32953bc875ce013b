import { expect, test } from 'vitest';
import { describeSpread, isOutdated, standing, strip } from './distribution';
import { aSpread, aStep } from './samples';

test.each([
  [{ below: 0.92, value: 70 }, 'above 92 % of 41 jobs'],
  [{ below: 1, value: 101 }, 'above all 41 others'],
  [{ below: 0, value: -1 }, 'below all 41 others'],
  [{ below: 0, value: 0 }, 'equal to the lowest of 41 jobs'],
  [{ below: 0, value: 5, min: 5, max: 5, quartiles: [5, 5, 5], bins: [41] }, 'the same as all 41 others'],
  [{ below: 0.5, value: 5, count: 2, min: 3, max: 8.5 }, 'within 3 to 8.5 of 2 other jobs'],
  [{ below: 1, value: 9, count: 1, min: 8, max: 8 }, 'above the one other job'],
])('%j: %s', (spread, words) => {
  expect(standing(aSpread(spread))?.words).toBe(words);
});

test('what was not measured stands nowhere', () => {
  expect(standing(aSpread({ value: null, below: null }))).toBeNull();
});

test('far from the middle half, and rare, is an outlier', () => {
  expect(standing(aSpread({ value: 95, below: 0.98 }))?.outlier).toBe('high');
  expect(standing(aSpread({ value: 5, below: 0.02 }))?.outlier).toBe('low');
  expect(standing(aSpread({ value: 85, below: 0.97 }))?.outlier).toBeNull();
  expect(standing(aSpread({ value: 95, below: 0.9 }))?.outlier).toBeNull();
});

test('among a few nothing is an outlier', () => {
  expect(standing(aSpread({ value: 999, below: 1, count: 4 }))?.outlier).toBeNull();
});

test('the strip is as wide as the values, with the own one even if it lies outside', () => {
  expect(strip(aSpread()).value).toBe(0.5);
  const wide = strip(aSpread({ value: 200 }));
  expect(wide.value).toBe(1);
  expect(wide.median).toBe(0.25);
  expect(wide.bins[0]).toEqual({ x: 0, width: 0.1, height: 0.08 });
  expect(strip(aSpread({ value: -100 })).bins[0]?.x).toBe(0.5);
});

test('empty bins are not drawn, full ones fill the height', () => {
  const { bins } = strip(aSpread({ bins: [4, 0, 2] }));
  expect(bins.map(bin => bin.height)).toEqual([1, 0.5]);
});

test('in words for those who do not see it', () => {
  expect(describeSpread(aSpread())).toBe('In 41 other jobs from 0 to 100, median 50, the middle half from 40 to 60');
});

test('a value measured since makes what was read outdated', () => {
  const measured = (value: number | null) => [
    aStep('mask', { metadata: [{ name: 'Volume', kind: 'number', units: 'ml', value }] }),
  ];
  expect(isOutdated([aSpread({ value: 50 })], measured(50))).toBe(false);
  expect(isOutdated([aSpread({ value: null })], measured(50))).toBe(true);
  expect(isOutdated([aSpread({ value: null })], measured(null))).toBe(false);
});
