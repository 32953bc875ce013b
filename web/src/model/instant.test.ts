import { expect, test } from 'vitest';
import { clockTime, compareInstants } from './instant';

test('instants are told apart to the microsecond, however many digits they have', () => {
  expect(compareInstants('2026-11-22T16:11:12.790816Z', '2026-11-22T16:11:12.790817Z')).toBeLessThan(0);
  expect(compareInstants('2026-11-22T16:11:12Z', '2026-11-22T16:11:12.397Z')).toBeLessThan(0);
  expect(compareInstants('2026-11-22T16:11:13Z', '2026-11-22T16:11:12.397Z')).toBeGreaterThan(0);
  expect(compareInstants('2026-11-22T16:11:12.500Z', '2026-11-22T16:11:12.500000Z')).toBe(0);
});

test('a time of another day says which', () => {
  const now = new Date(2026, 10, 22, 18, 0, 0);
  expect(clockTime(new Date(2026, 10, 22, 14, 2, 11), now)).toBe('14:02:11');
  expect(clockTime(new Date(2026, 10, 21, 14, 2, 11), now)).toBe('21 Nov, 14:02:11');
  expect(clockTime(new Date(2025, 10, 21, 14, 2, 11), now)).toBe('21 Nov 2025, 14:02:11');
});
