import { expect, test } from 'vitest';
import type { Event } from '../../api/types';
import { cut, type EventPages, lateness, withEvents } from './events';
import { readEventFilter } from './filter';
import { anEvent, secondsAgo } from './samples';

function pages(next: string | null, ...items: Event[][]): EventPages {
  return {
    pages: items.map((page, index) => ({ items: page, next: index < items.length - 1 ? 'on' : next })),
    pageParams: items.map(() => undefined),
  };
}

const sequences = (data: EventPages) => data.pages.map(page => page.items.map(event => event.sequence));

test('a new event comes first', () => {
  const data = pages(null, [anEvent(2, 20), anEvent(1, 30)]);
  expect(sequences(withEvents(data, undefined, [anEvent(3, 10)]))).toEqual([[3, 2, 1]]);
});

test('an event that arrives late goes to its place by when it happened', () => {
  const data = pages(null, [anEvent(3, 10), anEvent(2, 20)], [anEvent(1, 40)]);
  expect(sequences(withEvents(data, undefined, [anEvent(4, 30)]))).toEqual([
    [3, 2],
    [4, 1],
  ]);
  expect(sequences(withEvents(data, undefined, [anEvent(4, 15)]))).toEqual([[3, 4, 2], [1]]);
});

test('of events at the same time the one that arrived later comes first', () => {
  const data = pages(null, [anEvent(2, 20), anEvent(1, 20)]);
  expect(sequences(withEvents(data, undefined, [anEvent(3, 20)]))).toEqual([[3, 2, 1]]);
});

test.each([
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
])('what is on page %i at place %i is not put in again', (page, place) => {
  const data = pages(null, [anEvent(4, 10), anEvent(3, 20)], [anEvent(2, 30), anEvent(1, 40)]);
  const known = data.pages[page]?.items[place];
  expect(known && withEvents(data, undefined, [known])).toBe(data);
});

test('what is older than all that was read comes with its own page', () => {
  const data = pages('more', [anEvent(9, 10), anEvent(8, 20)]);
  expect(withEvents(data, undefined, [anEvent(10, 3000)])).toBe(data);
});

test('at the end of the list the oldest event goes last', () => {
  const data = pages(null, [anEvent(2, 20)]);
  expect(sequences(withEvents(data, undefined, [anEvent(3, 3000)]))).toEqual([[2, 3]]);
});

test('the first event of an empty list', () => {
  expect(sequences(withEvents(pages(null, []), undefined, [anEvent(1, 1)]))).toEqual([[1]]);
});

test('only the kinds asked for go in', () => {
  const data = pages(null, []);
  const events = [anEvent(1, 3, { kind: 'info' }), anEvent(2, 2, { kind: 'error' })];
  expect(sequences(withEvents(data, ['error'], events))).toEqual([[2]]);
});

test('of many events those go in that are not there', () => {
  const data = pages(null, [anEvent(3, 10), anEvent(1, 30)]);
  expect(sequences(withEvents(data, undefined, [anEvent(1, 30), anEvent(2, 20), anEvent(3, 10)]))).toEqual([
    [3, 2, 1],
  ]);
  expect(withEvents(data, undefined, [anEvent(1, 30), anEvent(3, 10)])).toBe(data);
});

test('what comes all day does not stay for ever: the newest do', () => {
  const many = Array.from({ length: 5_001 }, (_, index) => anEvent(6_000 - index, index));
  expect(cut(pages('more', many.slice(1), [anEvent(1, 9_000)]))).toBeNull();
  const short = cut(pages('more', many, [anEvent(1, 9_000)]));
  expect(short?.pages.map(page => page.items.length)).toEqual([200]);
  expect(short?.pages[0]?.items[0]?.sequence).toBe(6_000);
});

test('the pages before are left as they are', () => {
  const data = pages(null, [anEvent(2, 20)], [anEvent(1, 40)]);
  expect(withEvents(data, undefined, [anEvent(3, 10)]).pages[1]).toBe(data.pages[1]);
  expect(sequences(data)).toEqual([[2], [1]]);
});

test('an event is late when it arrives a minute after it happened', () => {
  expect(lateness(anEvent(1, 100))).toBeNull();
  expect(lateness(anEvent(1, 100, { created_at: secondsAgo(50) }))).toBeNull();
  expect(lateness(anEvent(1, 100, { created_at: secondsAgo(40) }))).toBe(60_000);
});

test('the address says which kinds to show', () => {
  expect(readEventFilter({ kind: 'error,info' })).toEqual({ kind: ['error', 'info'] });
  expect(readEventFilter({ kind: ['error'] })).toEqual({ kind: ['error'] });
  expect(readEventFilter({ kind: 'nonsense' })).toEqual({});
  expect(readEventFilter({ kind: 'step,error,info,complete' })).toEqual({});
  expect(readEventFilter({})).toEqual({});
});
