import { describe, expect, test } from 'vitest';
import { insertRows, isInRange, type JobPages, jobOrder, mayFit, newer, patchRows } from './lists';
import { job, pages } from './support/jobs';

function idsOf(lists: JobPages): string[][] {
  return lists.pages.map(page => page.items.map(row => row.id));
}

/** The same list, of which more can be read. */
function unfinished(lists: JobPages): JobPages {
  return { ...lists, pages: lists.pages.map(page => ({ ...page, next: page.next ?? 'more' })) };
}

describe('a row', () => {
  test('takes what is newer and keeps what an event does not carry', () => {
    const steps = [{ tag: 's', name: 'S', points: 1, status: 'running' as const, fraction: 0 }];
    const known = job('a', 1, { last_sequence: 3, steps });
    expect(newer(known, job('a', 1, { last_sequence: 4, progress: 0.5 }))).toMatchObject({ progress: 0.5, steps });
  });

  test('keeps what it has against what is older', () => {
    const known = job('a', 1, { last_sequence: 3 });
    expect(newer(known, job('a', 1, { last_sequence: 2, progress: 0.5 }))).toBe(known);
  });

  test('changes alone: all others stay the same objects', () => {
    const before = pages([job('b', 2), job('a', 1)], [job('0', 0)]);
    const after = patchRows(before, new Map([['a', job('a', 1, { last_sequence: 1 })]]));
    expect(after.pages[0]?.items[1]?.last_sequence).toBe(1);
    expect(after.pages[0]?.items[0]).toBe(before.pages[0]?.items[0]);
    expect(after.pages[1]).toBe(before.pages[1]);
    expect(patchRows(before, new Map([['z', job('z', 9)]]))).toBe(before);
  });
});

describe('a job that a list does not show yet', () => {
  test('comes to its place in the order of the list', () => {
    const lists = pages([job('e', 5), job('c', 3)], [job('a', 1)]);
    expect(idsOf(insertRows(lists, [job('f', 6), job('d', 4), job('b', 2), job('0', 0)]))).toEqual([
      ['f', 'e', 'd', 'c'],
      ['b', 'a', '0'],
    ]);
  });

  test('comes once', () => {
    const lists = pages([job('a', 1)]);
    expect(insertRows(lists, [job('a', 1)])).toBe(lists);
  });

  test('comes into an empty list', () => {
    expect(idsOf(insertRows(pages([]), [job('a', 1), job('b', 2)]))).toEqual([['b', 'a']]);
  });

  test('stays out if it belongs to a page that is yet to be read', () => {
    const lists = unfinished(pages([job('e', 5), job('c', 3)]));
    expect(isInRange(lists, job('b', 2))).toBe(false);
    expect(isInRange(lists, job('d', 4))).toBe(true);
    expect(insertRows(lists, [job('b', 2)])).toBe(lists);
  });

  test('comes at the end of a list that begins with the oldest', () => {
    const lists = pages([job('a', 1), job('b', 2)]);
    expect(idsOf(insertRows(lists, [job('c', 3)], 'created_at'))).toEqual([['a', 'b', 'c']]);
    expect(insertRows(unfinished(lists), [job('c', 3)], 'created_at')).toEqual(unfinished(lists));
  });
});

describe('the order', () => {
  test('is by time to the microsecond, then by id', () => {
    const at = (id: string, created_at: string) => job(id, 0, { created_at });
    const jobs = [
      at('b', '2026-11-22T12:00:00Z'),
      at('a', '2026-11-22T12:00:00Z'),
      at('c', '2026-11-22T12:00:00.000001Z'),
      at('d', '2026-11-22T12:00:00.5Z'),
    ];
    expect([...jobs].sort(jobOrder('-created_at')).map(({ id }) => id)).toEqual(['d', 'c', 'b', 'a']);
    expect([...jobs].sort(jobOrder('created_at')).map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('by start counts a job that has not started by when it was opened', () => {
    const waiting = job('w', 10);
    const started = job('s', 1, { started_at: '2026-11-22T12:20:00Z' });
    expect(jobOrder('-started_at')(started, waiting)).toBeLessThan(0);
  });
});

describe('a filter', () => {
  const running = job('a', 30, {
    status: 'running',
    customer_id: '01a2',
    customer_email: 'ines@clinic.example',
    last_event_at: '2026-11-22T12:40:00Z',
  });

  test('lets through what fits', () => {
    expect(mayFit({}, running)).toBe(true);
    expect(mayFit({ status: ['error', 'running'], tag: 'brain', version: '1.0.0' }, running)).toBe(true);
    expect(mayFit({ customer: '01a2' }, running)).toBe(true);
    expect(mayFit({ customer: 'Ines@Clinic.example' }, running)).toBe(true);
    expect(mayFit({ from: '2026-11-22T12:30:00Z', to: '2026-11-22T12:30:01Z' }, running)).toBe(true);
    expect(mayFit({ last_event_to: '2026-11-22T12:41:00Z' }, running)).toBe(true);
    expect(mayFit({ silent: false }, running)).toBe(true);
    expect(mayFit({ silent: true }, { ...running, silent_since: '2026-11-22T12:40:00Z' })).toBe(true);
  });

  test('leaves texts to the server', () => {
    expect(mayFit({ text: 'something else' }, running)).toBe(true);
  });

  test.each([
    { status: ['error' as const] },
    { tag: 'spine' },
    { version: '2.0.0' },
    { customer: 'tom@harbour.example' },
    { from: '2026-11-22T12:31:00Z' },
    { to: '2026-11-22T12:30:00Z' },
    { finished_from: '2026-11-22T12:00:00Z' },
    { last_event_to: '2026-11-22T12:40:00Z' },
    { silent: true },
    { sort: '-finished_at' as const },
  ])('keeps out what does not: %o', filter => {
    expect(mayFit(filter, running)).toBe(false);
  });
});
