import { expect, test } from 'vitest';
import type { JobFilter } from '../../api/queries';
import type { JobListItem } from '../../api/types';
import { job } from '../../live/support/jobs';
import { settle } from './settle';

type Given = { rows: JobListItem[]; shown?: string[]; filter?: JobFilter; isHeld?: boolean; gone?: string[] };

function settled({ rows, shown = [], filter = {}, isHeld = false, gone = [] }: Given): [string, number] {
  const result = settle({ rows, shown, filter, isHeld, isGone: id => gone.includes(id) });
  return [result.rows.map(row => row.id).join(''), result.waiting];
}

const [a, b, c, d] = [job('a', 1), job('b', 2), job('c', 3), job('d', 4)] as const;

test('new jobs come at once where nobody is reading', () => {
  expect(settled({ rows: [d, c, b, a], shown: ['b', 'a'] })).toEqual(['dcba', 0]);
});

test('new jobs wait above a list that somebody is reading', () => {
  expect(settled({ rows: [d, c, b, a], shown: ['b', 'a'], isHeld: true })).toEqual(['ba', 2]);
});

test('what comes between the shown rows waits too', () => {
  expect(settled({ rows: [c, b, a], shown: ['c', 'a'], isHeld: true })).toEqual(['ca', 1]);
});

test('further pages come at the end of a list that somebody is reading', () => {
  expect(settled({ rows: [d, c, b, a], shown: ['c', 'b'], isHeld: true })).toEqual(['cba', 1]);
});

test('a list that is shown for the first time is shown as it is, even by somebody who is far down', () => {
  expect(settled({ rows: [b, a], isHeld: true })).toEqual(['ba', 0]);
});

test('a job that is not shown to one any more is gone, held or not', () => {
  expect(settled({ rows: [b], shown: ['b', 'a'], isHeld: true })).toEqual(['b', 0]);
});

test('a job that has left the filter is seen for a while, and does not go under the eyes of a reader', () => {
  const filter: JobFilter = { status: ['pending'] };
  const rows = [b, { ...a, status: 'completed' as const }];
  expect(settled({ rows, filter, shown: ['b', 'a'] })).toEqual(['ba', 0]);
  expect(settled({ rows, filter, shown: ['b', 'a'], gone: ['a'], isHeld: true })).toEqual(['ba', 0]);
  expect(settled({ rows, filter, shown: ['b', 'a'], gone: ['a'] })).toEqual(['b', 0]);
});

test('a job that starts takes its new place in the order, unless somebody is reading', () => {
  const started = { ...a, started_at: '2026-11-22T12:50:00Z' };
  const filter: JobFilter = { sort: '-started_at' };
  expect(settled({ rows: [b, started], filter, shown: ['b', 'a'] })).toEqual(['ab', 0]);
  expect(settled({ rows: [b, started], filter, shown: ['b', 'a'], isHeld: true })).toEqual(['ba', 0]);
});

test('a job that came with two pages is shown once', () => {
  expect(settled({ rows: [b, a, a] })).toEqual(['ba', 0]);
});
