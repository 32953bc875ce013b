import { describe, expect, test } from 'vitest';
import { ariaSort, countFilters, isFiltered, nextSort, rareFilters, readJobFilter, withChange } from './filter';

describe('the filter in the address', () => {
  test('is read as it was written', () => {
    expect(readJobFilter({ text: 'brain', status: 'error,running', sort: '-started_at', tag: 'x' })).toEqual({
      text: 'brain',
      status: ['running', 'error'],
      sort: '-started_at',
      tag: 'x',
    });
  });

  test('knows whether jobs are to be silent', () => {
    expect(readJobFilter({ silent: 'true' })).toEqual({ silent: true });
    expect(readJobFilter({ silent: false })).toEqual({ silent: false });
    expect(readJobFilter({ silent: 'perhaps' })).toEqual({});
    expect(withChange({ silent: true }, { silent: undefined })).toEqual({});
    expect(countFilters({ silent: true })).toBe(1);
    expect([rareFilters({ silent: true }), rareFilters({ silent: false })]).toEqual([[], [{ name: 'silent' }]]);
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
