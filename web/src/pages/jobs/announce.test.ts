import { expect, test } from 'vitest';
import type { Event, JobStatus } from '../../api/types';
import { job } from '../../live/support/jobs';
import { announcement, type Endings, noteEnding } from './announce';

function endingsOf(...news: [id: string, kind: Event['kind'], status: JobStatus][]): Endings {
  const endings: Endings = new Map();
  for (const [id, kind, status] of news) {
    noteEnding(endings, { kind } as Event, job(id, 1, { status, provider_job_name: `Job ${id}` }));
  }
  return endings;
}

test('jobs that are done or have failed are named', () => {
  expect(announcement(endingsOf(['a', 'complete', 'completed'], ['b', 'error', 'error']))).toBe(
    'Job b (b) failed. Job a (a) completed.',
  );
});

test('many are counted', () => {
  const endings = endingsOf(
    ['a', 'complete', 'completed'],
    ['b', 'step', 'completed'],
    ['c', 'complete', 'completed'],
  );
  expect(announcement(endings)).toBe('3 jobs completed.');
});

test('mere progress is no news', () => {
  expect(announcement(endingsOf(['a', 'step', 'running'], ['b', 'info', 'running']))).toBe('');
});

test('a job that goes on after an error has not failed', () => {
  expect(announcement(endingsOf(['a', 'error', 'error'], ['a', 'step', 'running']))).toBe('');
});
