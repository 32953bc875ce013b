import { describe, expect, test } from 'vitest';
import { fileWords, hasDays, isOfToday, questionOf, readAnalyticsFilter } from './filter';

const TODAY = '2026-11-22';
const ask = (search: Record<string, unknown>) => questionOf(readAnalyticsFilter(search), TODAY, 'Europe/Berlin');

describe('the filter in the address', () => {
  test('is read as it was written', () => {
    const search = {
      period: 'year',
      tag: 'kidney',
      version: '1.0.0',
      customer: 'a@b.example',
      by: 'day',
      measured: 'x/y',
    };
    expect(readAnalyticsFilter(search)).toEqual(search);
  });

  test('leaves out what is no filter, and a version of nothing', () => {
    expect(readAnalyticsFilter({ period: 'all', version: '1', by: 'week', customer: '' })).toEqual({});
  });
});

describe('what is asked', () => {
  test('is of the past thirty days where nothing is said', () => {
    expect(ask({})).toMatchObject({ from: '2026-10-24', to: TODAY, by: 'day', zone: 'Europe/Berlin' });
  });

  test('is by months where days are many, and where they are too many', () => {
    expect(ask({ period: 'year' }).by).toBe('month');
    expect(ask({ period: 'year', by: 'day' }).by).toBe('day');
    const long = ask({ from: '2020-01-01', to: TODAY, by: 'day' });
    expect([long.by, hasDays(long)]).toEqual(['month', false]);
  });

  test('has two ends also where the address has one', () => {
    expect(ask({ to: '2026-03-31' })).toMatchObject({ from: '2025-04-01', to: '2026-03-31' });
    expect(ask({ from: '2026-11-01' })).toMatchObject({ from: '2026-11-01', to: TODAY });
    expect(ask({ from: '2027-01-01' })).toMatchObject({ from: '2027-01-01', to: '2027-01-01' });
  });

  test('is read again while it goes on', () => {
    expect(isOfToday(ask({ period: 'month' }), TODAY)).toBe(true);
    expect(isOfToday(ask({ period: 'last-month' }), TODAY)).toBe(false);
  });

  test('names its files', () => {
    expect(fileWords(ask({ period: 'last-month', tag: 'kidney', version: '2.0.0' }))).toEqual([
      '2026-10-01',
      '2026-10-31',
      'kidney-2.0.0',
      undefined,
    ]);
  });
});
