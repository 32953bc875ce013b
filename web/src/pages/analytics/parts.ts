import type { Figures, JobFigures, JobFiguresPart, Unit } from '../../api/types';
import type { Bar } from '../../components/charts/StackedBars';
import { MOST_SERIES, type Series, seriesColour } from '../../components/charts/series';
import type { DataTable } from '../../components/charts/table';
import { statusWord } from '../../components/Status';
import { longPart, shortPart } from './words';

/** A chart of bars over time, and its numbers. */
export type PartsChart = { series: Series[]; bars: Bar[]; table: DataTable };

const OTHERS = 'All others';

/** Jobs opened, by configuration: those with most jobs have a colour each, the others share one. */
export function byConfiguration(parts: JobFiguresPart[], by: Unit): PartsChart {
  const sums = new Map<string | null, number>();
  for (const { tag, opened } of parts.flatMap(part => part.configurations)) {
    sums.set(tag, (sums.get(tag) ?? 0) + opened);
  }
  const known = [...sums].filter(([tag, sum]) => tag !== null && sum > 0);
  const tags = known.sort(([, a], [, b]) => b - a).map(([tag]) => tag as string);
  const named = tags.slice(0, MOST_SERIES);
  const hasOthers = tags.length > named.length || (sums.get(null) ?? 0) > 0;
  const openedOf = (part: JobFiguresPart, tag: string) =>
    part.configurations.find(one => one.tag === tag)?.opened ?? 0;
  const values = (part: JobFiguresPart) => {
    const own = named.map(tag => openedOf(part, tag));
    const rest = part.opened - own.reduce((sum, one) => sum + one, 0);
    return hasOthers ? [...own, rest] : own;
  };
  const labels = [...named, ...(hasOthers ? [OTHERS] : [])];
  return {
    series: labels.map((label, index) => ({
      label,
      colour: seriesColour(label === OTHERS && index >= named.length ? MOST_SERIES : index),
    })),
    bars: barsOf(parts, by, values),
    table: {
      columns: [partHeading(by), 'Opened', ...tags],
      rows: parts.map(part => [part.date, part.opened, ...tags.map(tag => openedOf(part, tag))]),
    },
  };
}

const STATUSES = [
  { name: 'completed', label: statusWord('completed'), colour: 'var(--finished)' },
  { name: 'running', label: statusWord('running'), colour: 'var(--running)' },
  { name: 'pending', label: statusWord('pending'), colour: 'var(--pending)' },
  { name: 'error', label: statusWord('error'), colour: 'var(--error)', isHatched: true },
  { name: 'abandoned', label: 'Deleted before their end', colour: 'var(--series-6)' },
] as const;

/** Jobs opened, by how they are now. */
export function byStatus(parts: JobFiguresPart[], by: Unit): PartsChart {
  const shown = STATUSES.filter(({ name }) => name !== 'abandoned' || parts.some(part => part.abandoned > 0));
  return {
    series: shown.map(({ label, colour, ...rest }) => ({ label, colour, isHatched: 'isHatched' in rest })),
    bars: barsOf(parts, by, part => shown.map(({ name }) => part[name])),
    table: {
      columns: [partHeading(by), 'Opened', ...STATUSES.map(({ label }) => label)],
      rows: parts.map(part => [part.date, part.opened, ...STATUSES.map(({ name }) => part[name])]),
    },
  };
}

/** What ended: jobs finished, and those that failed. */
export function throughput(parts: JobFiguresPart[], by: Unit): PartsChart {
  return {
    series: [
      { label: 'Finished', colour: 'var(--finished)' },
      { label: 'Failed', colour: 'var(--error)', isHatched: true },
    ],
    bars: barsOf(parts, by, part => [part.finished, part.failed]),
    table: {
      columns: [partHeading(by), 'Finished', 'Failed', 'Hours', 'Steps', 'Points', 'Errors'],
      rows: parts.map(part => [
        part.date,
        part.finished,
        part.failed,
        part.hours,
        part.steps,
        part.points,
        part.errors,
      ]),
    },
  };
}

function barsOf(parts: JobFiguresPart[], by: Unit, values: (part: JobFiguresPart) => number[]): Bar[] {
  return parts.map(part => ({
    key: part.date,
    short: shortPart(part.date, by),
    title: longPart(part.date, by),
    values: values(part),
  }));
}

export function partHeading(by: Unit): string {
  return by === 'day' ? 'Day' : 'Month';
}

/** The figures at the head of the page. */
export const HEAD: { name: keyof Figures; label: string; isBad?: boolean }[] = [
  { name: 'opened', label: 'Jobs opened' },
  { name: 'finished', label: 'Finished' },
  { name: 'failed', label: 'Failed', isBad: true },
  { name: 'steps', label: 'Steps finished' },
  { name: 'points', label: 'Points earned' },
  { name: 'hours', label: 'Hours of work' },
];

/** Whether there is nothing to be shown: no work in the period, and no job open in it. */
export function isNothing({ totals, parts }: Pick<JobFigures, 'totals' | 'parts'>): boolean {
  const { opened, finished, failed, steps, errors } = totals;
  return opened + finished + failed + steps + errors === 0 && parts.every(({ open }) => open === 0);
}
