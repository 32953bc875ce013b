import { describe, expect, test } from 'vitest';
import { chosenSpan, dayIn, daysBetween, laterDay, readSpan, type SpanName, spanInWords, spanOf } from './spans';

const NAMES: SpanName[] = ['today', '7-days', '30-days', 'month', 'last-month', 'year'];
const NOW = new Date('2026-11-22T12:00:00Z');

describe('the day it is', () => {
  test('is that of the zone, on both sides of midnight', () => {
    const at = new Date('2026-10-24T23:30:00Z');
    expect(dayIn('UTC', at)).toBe('2026-10-24');
    expect(dayIn('Europe/Berlin', at)).toBe('2026-10-25');
    expect(dayIn('America/New_York', at)).toBe('2026-10-24');
    expect(dayIn('Asia/Kathmandu', at)).toBe('2026-10-25');
  });

  test('is one day also where clocks change within it', () => {
    // In Berlin 25 October 2026 has 25 hours, in New York 8 March 2026 has 23.
    expect(dayIn('Europe/Berlin', new Date('2026-10-24T22:00:00Z'))).toBe('2026-10-25');
    expect(dayIn('Europe/Berlin', new Date('2026-10-25T22:59:59Z'))).toBe('2026-10-25');
    expect(dayIn('America/New_York', new Date('2026-03-08T05:00:00Z'))).toBe('2026-03-08');
    expect(dayIn('America/New_York', new Date('2026-03-09T03:59:59Z'))).toBe('2026-03-08');
  });
});

describe('spans with a name', () => {
  test('end today and have as many days as they say, across changes of the clocks', () => {
    expect(spanOf('today', '2026-10-26')).toEqual({ first: '2026-10-26', last: '2026-10-26' });
    expect(spanOf('7-days', '2026-10-26')).toEqual({ first: '2026-10-20', last: '2026-10-26' });
    expect(spanOf('30-days', '2026-03-30')).toEqual({ first: '2026-03-01', last: '2026-03-30' });
    expect(daysBetween('2026-10-20', '2026-10-26')).toBe(7);
    expect(laterDay('2026-03-28', 2)).toBe('2026-03-30');
  });

  test('are months and years of the calendar', () => {
    expect(spanOf('month', '2026-11-22')).toEqual({ first: '2026-11-01', last: '2026-11-22' });
    expect(spanOf('last-month', '2026-01-31')).toEqual({ first: '2025-12-01', last: '2025-12-31' });
    expect(spanOf('last-month', '2024-03-31')).toEqual({ first: '2024-02-01', last: '2024-02-29' });
    expect(spanOf('year', '2026-11-22')).toEqual({ first: '2026-01-01', last: '2026-11-22' });
  });
});

describe('the period in the address', () => {
  test('is a name, or days', () => {
    expect(readSpan({ period: 'last-month' }, NAMES)).toEqual({ period: 'last-month' });
    expect(readSpan({ from: '2026-10-01', to: '2026-10-31' }, NAMES)).toEqual({
      from: '2026-10-01',
      to: '2026-10-31',
    });
    expect(readSpan({ period: 'month', from: '2026-10-01' }, NAMES)).toEqual({ period: 'month' });
  });

  test('is nothing where it is none', () => {
    for (const search of [
      { period: 'all' },
      { from: '2026-02-30' },
      { from: '2026-11-02', to: '2026-11-01' },
      { to: '1969-12-31' },
      { from: 'yesterday' },
    ]) {
      expect(readSpan(search, NAMES)).toEqual({});
    }
  });

  test('is the usual one where nothing is said', () => {
    expect(chosenSpan({}, '7-days', '2026-11-22')).toEqual(spanOf('7-days', '2026-11-22'));
    expect(chosenSpan({ from: '2026-01-05' }, '7-days', '2026-11-22')).toEqual({ first: '2026-01-05', last: null });
    expect(chosenSpan({ period: 'today' }, '7-days', '2026-11-22').first).toBe('2026-11-22');
  });

  test('is told in words', () => {
    expect(spanInWords({ first: '2026-10-01', last: '2026-10-31' }, NOW)).toBe('1 – 31 Oct');
    expect(spanInWords({ first: '2025-12-30', last: '2026-01-02' }, NOW)).toBe('30 Dec 2025 – 2 Jan');
    expect(spanInWords({ first: '2026-11-22', last: '2026-11-22' }, NOW)).toBe('22 Nov');
    expect(spanInWords({ first: null, last: '2026-11-22' }, NOW)).toBe('until 22 Nov');
    expect(spanInWords({ first: null, last: null }, NOW)).toBe('all time');
  });
});
