import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Batches } from './batches';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('what comes alone is handed over without delay, what comes fast in batches', () => {
  const handed: number[][] = [];
  const batches = new Batches<number>(50, batch => handed.push(batch));
  batches.add(1);
  vi.advanceTimersByTime(0);
  expect(handed).toEqual([[1]]);
  batches.add(2);
  vi.advanceTimersByTime(30);
  batches.add(3);
  expect(handed).toHaveLength(1);
  vi.advanceTimersByTime(20);
  expect(handed).toEqual([[1], [2, 3]]);
  vi.advanceTimersByTime(1_000);
  batches.add(4);
  vi.advanceTimersByTime(0);
  expect(handed.at(-1)).toEqual([4]);
});

test('nothing comes after the end', () => {
  const handed: number[][] = [];
  const batches = new Batches<number>(50, batch => handed.push(batch));
  batches.add(1);
  batches.dispose();
  vi.advanceTimersByTime(1_000);
  expect(handed).toEqual([]);
});
