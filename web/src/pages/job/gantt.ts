import type { Event, JobDetail, JobStep } from '../../api/types';
import { clockTime, millis } from '../../model/instant';
import { counted } from '../../model/number';
import { duration } from '../../model/time';

/** A step in the job's time. Instants are milliseconds since 1970. */
export type Row = {
  step: JobStep;
  /** Null: nothing is known of it yet. */
  bar: { from: number; to: number; isOpen: boolean } | null;
  /** When errors of it were reported. */
  errors: number[];
  /** How long nothing ran before it began; 0 if something did. */
  gapBefore: number;
};

/** A time in which no step ran. */
export type Gap = { from: number; to: number };

export type Chart = {
  from: number;
  to: number;
  /** Whether the chart goes on to the present. */
  isOpen: boolean;
  rows: Row[];
  gaps: Gap[];
  /** When errors were reported that name no step. */
  errors: number[];
};

/** The steps of a job in its time. `errors` are its error events. Null as long as nothing has begun. */
export function layOut(job: JobDetail, errors: Event[], now: number): Chart | null {
  const instants = new Map<string | null, number[]>();
  for (const error of errors) {
    instants.set(error.tag, [...(instants.get(error.tag) ?? []), millis(error.occurred_at)]);
  }
  const isOpen = job.status === 'running';
  const end = isOpen ? now : lastInstant(job, errors);
  if (end === null) {
    return null;
  }
  const rows = job.steps.map(step => rowOf(step, instants.get(step.tag) ?? [], end, isOpen));
  const bars = rows.flatMap(row => (row.bar === null ? [] : [row.bar]));
  const from = Math.min(...bars.map(bar => bar.from), job.started_at === null ? end : millis(job.started_at));
  const to = Math.max(from + 1, end, ...bars.map(bar => bar.to));
  const gaps = gapsBetween(bars, from, to);
  for (const row of rows) {
    const gap = gaps.find(({ to: until }) => until === row.bar?.from);
    row.gapBefore = gap === undefined ? 0 : gap.to - gap.from;
  }
  return { from, to, isOpen, rows, gaps, errors: instants.get(null) ?? [] };
}

function rowOf(step: JobStep, errors: number[], end: number, isOpen: boolean): Row {
  if (step.started_at === null) {
    return { step, bar: null, errors, gapBefore: 0 };
  }
  const from = millis(step.started_at);
  const isRunning = step.status === 'running' && isOpen;
  const to = endOf(step, errors, end);
  return { step, bar: { from, to: Math.max(from, to), isOpen: isRunning }, errors, gapBefore: 0 };
}

/** A step ends when it is finished, or with its last error; else with the job. */
function endOf(step: JobStep, errors: number[], end: number): number {
  const known = [...errors, ...(step.finished_at === null ? [] : [millis(step.finished_at)])];
  const isOver = step.status === 'finished' || step.status === 'error';
  return isOver && known.length > 0 ? Math.max(...known) : end;
}

/** Where a job that is not running ends: with the last that is known to have happened. */
function lastInstant(job: JobDetail, errors: Event[]): number | null {
  const known = [
    job.started_at,
    job.finished_at,
    ...job.steps.flatMap(step => [step.started_at, step.finished_at]),
    ...errors.map(error => error.occurred_at),
  ].flatMap(at => (at === null ? [] : [millis(at)]));
  return known.length === 0 ? null : Math.max(...known);
}

/** The times between `from` and `to` that no bar covers. */
function gapsBetween(bars: { from: number; to: number }[], from: number, to: number): Gap[] {
  const gaps: Gap[] = [];
  let covered = from;
  for (const bar of [...bars].sort((a, b) => a.from - b.from)) {
    if (bar.from > covered) {
      gaps.push({ from: covered, to: bar.from });
    }
    covered = Math.max(covered, bar.to);
  }
  return bars.length > 0 && covered < to ? [...gaps, { from: covered, to }] : gaps;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const DISTANCES = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map(seconds => seconds * SECOND),
  ...[1, 2, 5, 10, 15, 30].map(minutes => minutes * MINUTE),
  ...[1, 2, 3, 6, 12].map(hours => hours * HOUR),
  ...[1, 2, 7, 14, 28, 91, 182, 365].map(days => days * DAY),
];

/** Where to mark the axis, and with what: the time since the beginning. At most `most` ticks, but two at least. */
export function ticks(span: number, most: number): { at: number; label: string }[] {
  const distance =
    DISTANCES.find(candidate => span / candidate < Math.max(2, most)) ?? Math.ceil(span / most / DAY) * DAY;
  const number = Math.floor(span / distance) + 1;
  return Array.from({ length: number }, (_, index) => ({
    at: index * distance,
    label: index === 0 ? '0' : duration(index * distance),
  }));
}

/** How long until the chart of a job under way has visibly moved. */
export function untilItMoves(span: number): number {
  return Math.min(30_000, Math.max(250, span / 600));
}

/** Where something lies in the chart, in per cent of its width. */
export function shares(chart: Chart, { from, to }: { from: number; to: number }): { left: number; width: number } {
  const span = chart.to - chart.from;
  return { left: ((from - chart.from) / span) * 100, width: ((to - from) / span) * 100 };
}

/** When a step ran, exactly. */
export function describeRow({ step, bar, errors, gapBefore }: Row): string {
  if (bar === null) {
    return step.status === 'skipped' ? 'skipped' : 'not begun';
  }
  const end = bar.isOpen ? 'still under way' : `to ${exactClock(bar.to, bar.from)}`;
  const parts = [`from ${exactClock(bar.from)} ${end}, ${duration(bar.to - bar.from)}`];
  if (step.started_at_inferred) {
    parts.push('start inferred');
  }
  if (errors.length > 0) {
    parts.push(`${counted(errors.length, 'error')}, the last at ${exactClock(Math.max(...errors), bar.from)}`);
  }
  if (gapBefore > 0) {
    parts.push(`nothing ran for ${duration(gapBefore)} before it`);
  }
  return parts.join('; ');
}

function exactClock(at: number, reference = Date.now()): string {
  return clockTime(new Date(at), new Date(reference));
}

/** How much of the time something ran. */
export function summarize(chart: Chart): string {
  const span = chart.to - chart.from;
  // A pause between two requests of one program is no gap that anybody asks about.
  const gaps = chart.gaps.filter(gap => gap.to - gap.from >= Math.max(1_000, span / 1_000));
  if (gaps.length === 0) {
    return 'No gaps: at every moment a step was under way.';
  }
  const idle = gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0);
  const longest = Math.max(...gaps.map(gap => gap.to - gap.from));
  const which = gaps.length === 1 ? 'one gap' : `${gaps.length} gaps, the longest ${duration(longest)}`;
  return `No step ran for ${duration(idle)} of ${duration(span)}, in ${which}.`;
}
