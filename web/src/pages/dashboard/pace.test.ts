import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { atMostEvery } from './pace';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('gathers what comes in a burst, and forgets nothing', () => {
  const act = vi.fn();
  const paced = atMostEvery(5_000, act);
  paced.call();
  vi.advanceTimersByTime(0);
  expect(act).toHaveBeenCalledTimes(1);
  for (let time = 0; time < 4_000; time += 100) {
    paced.call();
    vi.advanceTimersByTime(100);
  }
  expect(act).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1_000);
  expect(act).toHaveBeenCalledTimes(2);
});

it('stops', () => {
  const act = vi.fn();
  const paced = atMostEvery(5_000, act);
  paced.call();
  paced.stop();
  vi.advanceTimersByTime(10_000);
  expect(act).not.toHaveBeenCalled();
});
