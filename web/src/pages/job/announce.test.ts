import { expect, test } from 'vitest';
import { announcement } from './announce';
import { aJob } from './samples';

const said = { status: 'running', progress: 0.3, isSilent: false, at: 0 } as const;

test('a new status is said at once', () => {
  expect(announcement(said, aJob({ status: 'completed', progress: 1 }), 1)).toBe('The job is completed');
  expect(announcement(said, aJob({ status: 'error', progress: 0.3 }), 1)).toBe('The job has an error');
  expect(announcement({ ...said, status: 'error' }, aJob({ status: 'running', progress: 0.42 }), 1)).toBe(
    'The job is running, 42 %',
  );
});

test('progress is said when there is some, and not too often', () => {
  expect(announcement(said, aJob({ progress: 0.31 }), 100_000)).toBeNull();
  expect(announcement(said, aJob({ progress: 0.6 }), 5_000)).toBeNull();
  expect(announcement(said, aJob({ progress: 0.4 }), 20_000)).toBe('40 % done');
});

test('silence is said once, and that it is over', () => {
  const silent = aJob({ progress: 0.3, silent_since: '2026-11-22T12:00:00Z' });
  expect(announcement(said, silent, 1)).toBe('The job is silent: nothing has come for longer than usual');
  expect(announcement({ ...said, isSilent: true }, silent, 1_000_000)).toBeNull();
  expect(announcement({ ...said, isSilent: true }, aJob({ progress: 0.31 }), 1)).toBe('The job goes on, 31 %');
  expect(announcement({ ...said, isSilent: true }, aJob({ status: 'completed', progress: 1 }), 1)).toBe(
    'The job is completed',
  );
});

test('what stays as it is is not said again', () => {
  expect(announcement(said, aJob({ progress: 0.3 }), 1_000_000)).toBeNull();
});
