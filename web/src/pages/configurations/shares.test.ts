import { expect, test } from 'vitest';
import { describeShares, sharePercent, shareSegments, sharesOf } from './shares';

const step = (name: string, points: number) => ({ tag: name, name, points });

test('shares are by points, and equal where no step has any', () => {
  expect(sharesOf([step('a', 1), step('b', 3), step('c', 0)])).toEqual([0.25, 0.75, 0]);
  expect(sharesOf([step('a', 0), step('b', 0)])).toEqual([0.5, 0.5]);
  expect(sharesOf([])).toEqual([]);
});

test('a share is told as short as it can be, and never as nothing or all when it is neither', () => {
  expect(sharePercent(0.46)).toBe('46 %');
  expect(sharePercent(0.125)).toBe('12.5 %');
  expect(sharePercent(1 / 3)).toBe('33.3 %');
  expect(sharePercent(0)).toBe('0 %');
  expect(sharePercent(1)).toBe('100 %');
  expect(sharePercent(1e-6)).toBe('< 0.1 %');
  expect(sharePercent(0.99999)).toBe('99.9 %');
});

test('each step has a segment, until there are too many', () => {
  const three = [step('a', 1), step('b', 1), step('c', 2)];
  expect(shareSegments(three, 10).map(({ label, share }) => [label, share])).toEqual([
    ['a: 1 point, 25 %', 0.25],
    ['b: 1 point, 25 %', 0.25],
    ['c: 2 points, 50 %', 0.5],
  ]);
  expect(shareSegments(three, 2).map(({ label, share }) => [label, share])).toEqual([
    ['Steps 1–2: 2 points, 50 %', 0.5],
    ['c: 2 points, 50 %', 0.5],
  ]);
  expect(shareSegments([], 2)).toEqual([]);
});

test('the bar is told in words', () => {
  expect(describeShares([step('a', 1), step('b', 5), step('c', 2), step('d', 2)])).toBe(
    '4 steps: b 50 %, c 20 %, d 20 %, …',
  );
  expect(describeShares([])).toBe('No steps');
});
