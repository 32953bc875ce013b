import type { Distribution, Event, JobDetail, JobStep } from '../../api/types';

/** What the tests of this page look at. */

export const NOW = new Date('2026-11-22T12:00:00Z');

export function secondsAgo(seconds: number): string {
  return new Date(NOW.getTime() - seconds * 1000).toISOString();
}

export function aJob(job: Partial<JobDetail> = {}, steps: JobStep[] = []): JobDetail {
  return {
    id: 'job',
    provider_id: 'provider',
    provider_name: 'Aurora Imaging',
    customer_id: 'customer',
    customer_email: 'ines@northside-clinic.example',
    job_configuration_id: 'configuration',
    tag: 'brain_volumes',
    version: '1.0.0',
    provider_job_id: 'brain-0042',
    provider_job_name: 'Brain volumes',
    status: 'running',
    progress: 0,
    points: { done: 0, total: 0 },
    started_at: null,
    finished_at: null,
    last_event_at: null,
    last_sequence: 0,
    silent_since: null,
    anonymised_at: null,
    created_at: secondsAgo(1000),
    updated_at: secondsAgo(1000),
    expected_end: null,
    ...job,
    steps,
  };
}

export function aStep(tag: string, step: Partial<JobStep> = {}): JobStep {
  return {
    step_configuration_id: tag,
    tag,
    name: tag,
    points: 1,
    status: 'pending',
    fraction: 0,
    started_at: null,
    started_at_inferred: false,
    finished_at: null,
    attempts: 0,
    metadata: [],
    ...step,
  };
}

/** An event that happened, and arrived, so many seconds ago. */
export function anEvent(sequence: number, ago: number, event: Partial<Event> = {}): Event {
  return {
    id: `event-${sequence}`,
    job_id: 'job',
    provider_job_id: 'brain-0042',
    kind: 'info',
    name: null,
    tag: null,
    step_configuration_id: null,
    event_metadata: null,
    fraction: null,
    sequence,
    occurred_at: secondsAgo(ago),
    idempotency_key: null,
    created_at: secondsAgo(ago),
    updated_at: secondsAgo(ago),
    ...event,
  };
}

export function aSpread(spread: Partial<Distribution> = {}): Distribution {
  return {
    tag: 'mask',
    name: 'Volume',
    units: 'ml',
    value: 50,
    count: 41,
    min: 0,
    max: 100,
    quartiles: [40, 50, 60],
    bins: [1, 3, 5, 30, 2],
    below: 0.5,
    ...spread,
  };
}
