import { describe, expect, test } from 'vitest';
import { fileName, numberColumns, sortRows, toCsv } from './table';

describe('a table as CSV', () => {
  test('has a line for each row, ended as RFC 4180 says, and quotes what needs it', () => {
    const rows = [
      ['plain', 1.5],
      ['a, "b"\r\nc', null],
    ];
    expect(toCsv({ columns: ['Name', 'n'], rows })).toBe('Name,n\r\nplain,1.5\r\n"a, ""b""\r\nc",\r\n');
  });

  test('has no formulas, but numbers below zero', () => {
    for (const begin of ['=', '+', '-', '@', '\t', '\r', '\0', '  =', '＝']) {
      const [cell] = toCsv({ columns: [], rows: [[`${begin}1+1`]] })
        .split('\r\n')
        .slice(1);
      expect(cell?.replace(/^"/, '').startsWith("'")).toBe(true);
    }
    expect(toCsv({ columns: ['='], rows: [[-1], ['a=b']] })).toBe("'=\r\n-1\r\na=b\r\n");
  });

  test('knows its columns of numbers', () => {
    const rows = [
      [null, 'a', 1],
      [null, null, null],
    ];
    expect(numberColumns({ columns: ['x', 'y', 'z'], rows })).toEqual([false, false, true]);
  });
});

test('a file is called by words that any system takes', () => {
  expect(fileName(['milepost', 'Jobs a day', '2026-11-01', undefined, 'ines@clinic.example'], 'csv')).toBe(
    'milepost_Jobs-a-day_2026-11-01_ines@clinic.example.csv',
  );
  expect(fileName(['../etc'], 'csv')).toBe('-etc.csv');
});

test('rows are sorted by a column, with nothing last', () => {
  const rows = [[10], [null], [9]];
  expect(sortRows(rows, { column: 0, isDescending: false })).toEqual([[9], [10], [null]]);
  expect(sortRows(rows, { column: 0, isDescending: true })).toEqual([[10], [9], [null]]);
  expect(sortRows([['1.10.0'], ['1.9.0']], { column: 0, isDescending: false })).toEqual([['1.9.0'], ['1.10.0']]);
  expect(sortRows(rows, null)).toEqual(rows);
});
