import type { JobStatus, StepBrief, StepStatus } from '../api/types';

/** One segment of the bar: a step, or what lies under one column where the steps are too many. */
export type Segment = {
  key: string;
  /** What it is called, for whoever points at it. */
  label: string;
  /** Its share of the bar's width; of all segments together 1. */
  share: number;
  status: StepStatus;
  /** How much of it is done, 0..1. What failed broke off there. */
  filled: number;
};

/** The most segments that can still be told apart, by how wide the bar is. */
export const MOST_SEGMENTS = { row: 48, heading: 160 } as const;

export type BarSize = keyof typeof MOST_SEGMENTS;

const WORDS: Record<StepStatus, string> = {
  pending: 'to do',
  running: 'under way',
  finished: 'finished',
  error: 'failed',
  skipped: 'skipped',
};

function stepStatusWord(status: StepStatus): string {
  return WORDS[status];
}

/** The segments of a job's bar: as wide as their points, or equal where no step has any, as in its progress. */
export function segments(steps: StepBrief[], most: number = MOST_SEGMENTS.row): Segment[] {
  const weights = weightsOf(steps);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const single = steps.map((step, index) => ({
    key: step.tag,
    label: `${step.name}: ${describe(step)}`,
    share: (weights[index] ?? 0) / total,
    status: step.status,
    filled: doneOf(step),
  }));
  return single.length > most ? crowded(single, most) : single;
}

/** A job without steps is one segment of its own. */
export function wholeJob(status: JobStatus): Segment[] {
  const isDone = status === 'completed';
  return [
    { key: '', label: 'The whole job', share: 1, status: isDone ? 'finished' : status, filled: isDone ? 1 : 0 },
  ];
}

function weightsOf(steps: StepBrief[]): number[] {
  const points = steps.map(step => Math.max(0, step.points));
  return points.every(point => point === 0) ? points.map(() => 1) : points;
}

function doneOf(step: StepBrief): number {
  return step.status === 'finished' ? 1 : Math.min(1, Math.max(0, step.fraction));
}

function describe(step: StepBrief): string {
  const done = step.status === 'running' && step.fraction > 0 ? `, ${percent(step.fraction)}` : '';
  return `${stepStatusWord(step.status)}${done}`;
}

type Part = { segment: Segment; weight: number };

/** More steps than columns: each column shows the steps that lie under it, a step without points where it stands. */
function crowded(single: Segment[], columns: number): Segment[] {
  const under: Part[][] = Array.from({ length: columns }, () => []);
  let begin = 0;
  for (const segment of single) {
    const end = begin + segment.share * columns;
    const first = Math.min(Math.floor(begin + 1e-9), columns - 1);
    const last = Math.max(first, Math.min(Math.ceil(end - 1e-9), columns) - 1);
    for (let column = first; column <= last; column += 1) {
      const weight = Math.max(0, Math.min(end, column + 1) - Math.max(begin, column));
      under[column]?.push({ segment, weight });
    }
    begin = end;
  }
  return under.map((parts, column) => blend(parts, column, columns));
}

/** One segment for several steps: an error shows, whatever surrounds it; else it is as full as its steps are. */
function blend(parts: Part[], column: number, columns: number): Segment {
  const weight = parts.reduce((sum, part) => sum + part.weight, 0);
  const done = parts.reduce((sum, part) => sum + part.segment.filled * part.weight, 0);
  const statuses = new Set(parts.map(part => part.segment.status));
  const status = blendedStatus(statuses);
  const named = parts.find(part => part.segment.status === status) ?? parts[0];
  const more = parts.length > 1 ? ` (and ${parts.length - 1} more here)` : '';
  return {
    key: String(column),
    label: `${named?.segment.label ?? ''}${more}`,
    share: 1 / columns,
    status,
    filled: status === 'finished' ? 1 : weight > 0 ? Math.min(1, done / weight) : 0,
  };
}

function blendedStatus(statuses: ReadonlySet<StepStatus>): StepStatus {
  if (statuses.has('error')) {
    return 'error';
  }
  if (statuses.size === 1) {
    return [...statuses][0] ?? 'pending';
  }
  return statuses.has('skipped') ? 'skipped' : 'running';
}

/** The bar in words, for those who do not see it. */
export function describeBar(steps: StepBrief[], progress: number | null): string {
  const count = (status: StepStatus) => steps.filter(step => step.status === status).length;
  const parts = steps.length === 0 ? ['no steps'] : [`${count('finished')} of ${steps.length} steps finished`];
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
