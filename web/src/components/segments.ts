import type { StepBrief, StepStatus } from '../api/types';

/** One segment of the bar: a step, or several neighbours where there is no room for each. */
export type Segment = {
  key: string;
  /** What it is called, for whoever points at it. */
  label: string;
  /** Its share of the bar's width; of all segments together 1. */
  share: number;
  status: StepStatus;
  /** How much of it is filled, 0..1. */
  filled: number;
};

/** The most segments that can still be told apart in the width of a table's column. */
export const MOST_SEGMENTS = 48;

const WORDS: Record<StepStatus, string> = {
  pending: 'to do',
  running: 'under way',
  finished: 'finished',
  error: 'failed',
  skipped: 'skipped',
};

export function stepStatusWord(status: StepStatus): string {
  return WORDS[status];
}

/** The segments of a job's bar: as wide as their points, or equal where no step has any, as in its progress. */
export function segments(steps: StepBrief[], most = MOST_SEGMENTS): Segment[] {
  const weights = weightsOf(steps);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const single = steps.map((step, index) => ({
    key: step.tag,
    label: `${step.name}: ${describe(step)}`,
    share: (weights[index] ?? 0) / total,
    status: step.status,
    filled: step.status === 'finished' ? 1 : step.fraction,
  }));
  return single.length > most ? joined(single, most) : single;
}

function weightsOf(steps: StepBrief[]): number[] {
  const points = steps.map(step => step.points);
  return points.every(point => point === 0) ? points.map(() => 1) : points;
}

function describe(step: StepBrief): string {
  const percent = step.status === 'running' && step.fraction > 0 ? `, ${Math.floor(step.fraction * 100)} %` : '';
  return `${stepStatusWord(step.status)}${percent}`;
}

/** Neighbours joined to at most that many. The worst of them is what is shown: an error is never hidden. */
function joined(single: Segment[], most: number): Segment[] {
  const size = Math.ceil(single.length / most);
  const groups: Segment[][] = [];
  for (let start = 0; start < single.length; start += size) {
    groups.push(single.slice(start, start + size));
  }
  return groups.map(group => {
    const share = group.reduce((sum, segment) => sum + segment.share, 0);
    const filled = group.reduce((sum, segment) => sum + segment.filled * segment.share, 0);
    const first = group[0]?.label.split(': ')[0] ?? '';
    return {
      key: group[0]?.key ?? '',
      label: `${group.length} steps from ${first}`,
      share,
      status: worst(group.map(segment => segment.status)),
      filled: share > 0 ? filled / share : Number(group.every(segment => segment.filled === 1)),
    };
  });
}

function worst(statuses: StepStatus[]): StepStatus {
  if (statuses.includes('error')) {
    return 'error';
  }
  if (new Set(statuses).size === 1) {
    return statuses[0] ?? 'pending';
  }
  return statuses.some(status => status === 'pending' || status === 'running') ? 'running' : 'finished';
}

/** The bar in words, for those who do not see it. */
export function describeBar(steps: StepBrief[], progress: number | null): string {
  const count = (status: StepStatus) => steps.filter(step => step.status === status).length;
  const parts = [`${count('finished')} of ${steps.length} steps finished`];
  for (const status of ['running', 'error', 'skipped'] as const) {
    if (count(status) > 0) {
      parts.push(`${count(status)} ${stepStatusWord(status)}`);
    }
  }
  if (progress !== null) {
    parts.unshift(`${percent(progress)}`);
  }
  return parts.join(', ');
}

/** `62 %`; only what is complete is 100 %. */
export function percent(progress: number): string {
  return `${Math.floor(progress * 100 + 1e-9)} %`;
}

/** The step a job is at: what failed last or runs, else what comes next. Null: all is done. */
export function currentStep(steps: StepBrief[]): StepBrief | null {
  const last = (status: StepStatus) => steps.findLast(step => step.status === status);
  return last('error') ?? last('running') ?? steps.find(step => step.status === 'pending') ?? null;
}
