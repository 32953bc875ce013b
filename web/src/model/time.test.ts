import { describe, expect, test } from 'vitest';
import { duration, relativeTime, roughly, shortDay } from './time';

const NOW = new Date('2026-11-22T12:00:00Z');

function ago(seconds: number): string {
  return relativeTime(new Date(NOW.getTime() - seconds * 1000), NOW);
}

describe('a relative time', () => {
  test('is told in the unit that fits', () => {
    expect([ago(3), ago(59), ago(60), ago(3 * 3600), ago(25 * 3600)]).toEqual([
      'now',
      '59 sec. ago',
      '1 min. ago',
      '3 hr. ago',
      'yesterday',
    ]);
  });

  test('is a date when it is longer ago than a week, with its year when that is another', () => {
    expect(ago(8 * 86_400)).toBe('14 Nov');
    expect(ago(400 * 86_400)).toBe('18 Oct 2025');
  });

  test('may lie ahead', () => {
    expect(ago(-2 * 86_400)).toBe('in 2 days');
  });

  test('never says more than has passed', () => {
    expect(ago(119)).toBe('1 min. ago');
  });
});

describe('a length of time', () => {
  test('that goes on is told in its greatest unit', () => {
    expect([-5, 200, 42_000, 200_000, 7_500_000, 273_600_000].map(roughly)).toEqual([
      '1 s',
      '1 s',
      '42 s',
      '3 min',
      '2 h',
      '3 d',
    ]);
  });

  test('has at most two units', () => {
    expect([0, 850, 42_000, 200_000, 7_500_000, 273_600_000].map(duration)).toEqual([
      '0 ms',
      '850 ms',
      '42 s',
      '3 min 20 s',
      '2 h 5 min',
      '3 d 4 h',
    ]);
  });

  test('leaves out what is zero, and does not skip a unit', () => {
    expect(duration(3_600_000)).toBe('1 h');
    expect(duration(3_605_000)).toBe('1 h');
  });

  test('is never negative, whatever the clocks say', () => {
    expect(duration(-5_000)).toBe('0 ms');
  });
});

test('a day of the calendar is told shortly', () => {
  expect(shortDay('2026-11-03', NOW)).toBe('3 Nov');
  expect(shortDay('2025-11-03', NOW)).toBe('3 Nov 2025');
});
