import { expect, test } from 'vitest';
import { aJob, aStep, NOW, secondsAgo } from './samples';
import { sentence } from './sentence';

const say = (...job: Parameters<typeof aJob>) => sentence(aJob(...job), NOW);

test('a job without news says when it was opened', () => {
  expect(say({ status: 'pending', created_at: secondsAgo(180) })).toBe(
    'Opened 3 min ago. Nothing has been reported yet.',
  );
  expect(say({ status: 'pending', created_at: secondsAgo(2) })).toContain('Opened just now');
});

test('a running job says which step it is at, and for how long', () => {
  const steps = [
    aStep('load', { status: 'finished' }),
    aStep('segment', { name: 'Segment tissues', status: 'running', started_at: secondsAgo(120) }),
    aStep('report'),
  ];
  expect(say({ status: 'running' }, steps)).toBe('Step 2 of 3, Segment tissues, for 2 min.');
});

test('a step that is tried again says so', () => {
  const steps = [aStep('load', { name: 'Load', status: 'running', started_at: secondsAgo(60), attempts: 3 })];
  expect(say({ status: 'running' }, steps)).toBe('Step 1 of 1, Load, attempt 3, for 1 min.');
});

test('steps at the same time are counted', () => {
  const steps = ['a', 'b', 'c'].map(tag => aStep(tag, { status: 'running', started_at: secondsAgo(5) }));
  expect(say({ status: 'running' }, steps)).toBe('Step 3 of 3, c, for 5 s, and 2 other steps at the same time.');
});

test('between two steps the next one is named', () => {
  const steps = [aStep('load', { status: 'finished' }), aStep('segment', { name: 'Segment tissues' })];
  expect(say({ status: 'running' }, steps)).toBe('1 of 2 steps finished. Next: Segment tissues.');
});

test('without steps only the time is told', () => {
  expect(say({ status: 'running', started_at: secondsAgo(90) })).toBe('Under way for 1 min 30 s.');
});

test('a completed job says how long it took and where its results are', () => {
  const job = { status: 'completed', started_at: secondsAgo(300), finished_at: secondsAgo(100) } as const;
  const field = { name: 'Volume', kind: 'number', units: 'ml', value: 3 } as const;
  expect(say(job, [aStep('load', { status: 'finished', metadata: [field] })])).toBe(
    'Completed in 3 min 20 s. All results are below.',
  );
  expect(say(job, [aStep('load', { status: 'finished' })])).toBe('Completed in 3 min 20 s.');
});

test('steps that were left out are not passed over in silence', () => {
  const job = { status: 'completed', started_at: secondsAgo(3), finished_at: secondsAgo(1) } as const;
  const steps = [aStep('a', { status: 'finished' }), aStep('b', { status: 'skipped' })];
  expect(say(job, steps)).toBe('Completed in 2 s. 1 step was skipped.');
});

test('a failed job says where', () => {
  const steps = [aStep('load', { status: 'finished' }), aStep('segment', { name: 'Segment', status: 'error' })];
  expect(say({ status: 'error' }, steps)).toBe('Failed at step 2 of 2, Segment.');
  expect(say({ status: 'error' })).toBe('An error was reported.');
});
