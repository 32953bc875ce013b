import { expect, test } from 'vitest';
import type { ExpectedEnd } from '../../api/types';
import { expectation, reason } from './expected';
import { aJob, aStep } from './samples';

/** By the clocks here, wherever that is. */
const local = (day: number, hour: number, minute: number, second = 0) =>
  new Date(2026, 10, day, hour, minute, second);
const NOW = local(22, 13, 30);

function expected(from: Date | null, to: Date | null, rest: Partial<ExpectedEnd> = {}): ExpectedEnd {
  const basis = { version: '1.2.0', step: 'left', since: local(22, 13, 0).toISOString() };
  const text = (at: Date | null) => at?.toISOString() ?? null;
  return { from: text(from), to: text(to), median: text(from), runs: 37, ended: 0, overdue: false, basis, ...rest };
}

test.each([
  ['Done between 14:05 and 14:20', local(22, 14, 5), local(22, 14, 20)],
  ['Done between 14:05:10 and 14:05:50', local(22, 14, 5, 10), local(22, 14, 5, 50)],
  ['Done about 14:05:10', local(22, 14, 5, 10), local(22, 14, 5, 10)],
  ['Done between 23:50 and tomorrow 02:10', local(22, 23, 50), local(23, 2, 10)],
  ['Done tomorrow between 02:10 and 03:40', local(23, 2, 10), local(23, 3, 40)],
  ['Done on 25 Nov between 02:10 and 03:40', local(25, 2, 10), local(25, 3, 40)],
  ['Done between tomorrow 02:10 and 25 Nov 03:40', local(23, 2, 10), local(25, 3, 40)],
  ['Done between 20:00 and 3 Jan 2027 03:40', local(22, 20, 0), new Date(2027, 0, 3, 3, 40)],
])('%s', (words, from, to) => {
  expect(expectation(expected(from, to), NOW)).toBe(words);
});

test('tomorrow is the next day of the calendar, on the day that clocks change as well', () => {
  expect(
    expectation(expected(new Date(2026, 9, 26, 0, 30), new Date(2026, 9, 26, 2, 0)), new Date(2026, 9, 25, 0, 10)),
  ).toBe('Done tomorrow between 00:30 and 02:00');
});

test('where too few runs took as long it is told how this one compares', () => {
  const late = { ended: 35, overdue: true };
  expect(expectation(expected(null, null, late), NOW)).toBe(
    'Under way longer than 35 of 37 past runs: later than expected',
  );
  expect(expectation(expected(null, null, { runs: 6, ended: 2 }), NOW)).toBe(
    'Under way longer than 2 of 6 past runs',
  );
});

test('it says from which runs it is', () => {
  const job = aJob({ status: 'running', tag: 'kidney', version: '1.2.0' }, [aStep('left', { name: 'Left kidney' })]);
  const [from, to] = [local(22, 14, 5), local(22, 14, 20)];
  const basis = expected(from, to).basis;
  expect(reason(expected(from, to), job)).toBe('from 37 runs of kidney 1.2.0 that had finished Left kidney');
  expect(reason(expected(from, to, { ended: 7 }), job)).toBe(
    'from 30 of 37 runs of kidney 1.2.0 that had finished Left kidney: those that went on for longer from there',
  );
  expect(reason(expected(null, null, { ended: 35 }), job)).toBe(
    'from 37 runs of kidney 1.2.0 that had finished Left kidney',
  );
  expect(reason(expected(from, to, { basis: { ...basis, version: null } }), job)).toBe(
    'from 37 runs of kidney (other versions) that had finished Left kidney',
  );
  expect(reason(expected(from, to, { ended: 1, basis: { ...basis, step: null } }), job)).toBe(
    'from 36 of 37 runs of kidney 1.2.0: those that took longer than this one so far',
  );
});
