import { expect, test } from 'vitest';
import { failureReport } from './failure';
import { aJob, anEvent, aStep } from './samples';

test('the report names the job, the step and the error, and leaves out what is unknown', () => {
  const error = anEvent(7, 60, {
    kind: 'error',
    name: 'Out of memory',
    tag: 'align',
    event_metadata: { node: 'gpu-04' },
  });
  const report = failureReport(aJob(), aStep('align', { name: 'Align', attempts: 2 }), error);
  expect(report.split('\n')).toEqual([
    'Job: Brain volumes',
    'Own id: brain-0042',
    'Job id: job',
    'Configuration: brain_volumes 1.0.0',
    'Step: Align (align)',
    'Attempts: 2',
    'Error: Out of memory',
    'Occurred at: 2026-11-22T11:59:00.000Z',
    'Event: event-7, sequence 7',
    'Metadata: {"node":"gpu-04"}',
  ]);
  expect(failureReport(aJob(), null, undefined)).not.toMatch(/undefined|null|Step/);
});
