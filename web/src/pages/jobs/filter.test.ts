import { describe, expect, test } from 'vitest';
import {
  ariaSort,
  countFilters,
  daysOf,
  instantsOf,
  isFiltered,
  nextSort,
  readJobFilter,
  withChange,
} from './filter';

describe('the filter in the address', () => {
  test('is read as it was written', () => {
    expect(readJobFilter({ text: 'brain', status: 'error,running', sort: '-started_at', tag: 'x' })).toEqual({
      text: 'brain',
      status: ['running', 'error'],
      sort: '-started_at',
      tag: 'x',
    });
  });

  test('leaves out what is no filter', () => {
    expect(readJobFilter({ text: '  ', status: 'lost', sort: 'name', page: '3' })).toEqual({});
  });

  test('does not name the usual order', () => {
    expect(readJobFilter({ sort: '-created_at' })).toEqual({});
  });

  test('loses what is taken away', () => {
    expect(withChange({ text: 'a', status: ['error'], sort: 'created_at' }, { text: '', status: [] })).toEqual({
      sort: 'created_at',
    });
  });

  test('counts conditions, not the order; from and to are one', () => {
    expect(countFilters({ sort: 'created_at', from: 'a', to: 'b', tag: 'x' })).toBe(2);
    expect(isFiltered({ sort: 'created_at' })).toBe(false);
  });
});

describe('sorting by a column', () => {
  test('goes from newest to oldest and back to the usual order', () => {
    expect(nextSort({}, 'started_at')).toBe('-started_at');
    expect(nextSort({ sort: '-started_at' }, 'started_at')).toBe('started_at');
    expect(nextSort({ sort: 'started_at' }, 'started_at')).toBe('-created_at');
  });

  test('is said of one column', () => {
    expect(ariaSort({}, 'created_at')).toBe('descending');
    expect(ariaSort({ sort: 'finished_at' }, 'finished_at')).toBe('ascending');
    expect(ariaSort({ sort: 'finished_at' }, 'created_at')).toBe('none');
  });
});

describe('days', () => {
  test('are whole: from the beginning of the first to the end of the last', () => {
    const { from = '', to = '' } = instantsOf(['2026-11-03', '2026-11-03']);
    expect(new Date(from).getHours()).toBe(0);
    expect(Date.parse(to) - Date.parse(from)).toBe(86_400_000);
  });

  test('come back from the address as they were', () => {
    for (const days of [
      ['2026-11-03', '2026-11-30'],
      ['2026-12-31', null],
      [null, '2024-02-29'],
    ] as const) {
      expect(daysOf(instantsOf([...days]))).toEqual(days);
    }
  });

  test('are not made of what is no instant', () => {
    expect(daysOf({ from: 'yesterday' })).toEqual([null, null]);
  });
});
