import type {
  Figures,
  JobFiguresPart,
  PeriodBefore,
  StepFiguresItem,
  StepVersionFigures,
  Unit,
} from '../../api/types';
import { counted, readable } from '../../model/number';
import { dayIn, laterDay, spanInWords } from '../../model/spans';
import { duration } from '../../model/time';

/** How something has changed against the period before. */
export type Change = { words: string; direction: 'up' | 'down' | 'same' };

/** `+12 %`, `−3 %`, `as before`; beyond ten times as much, how many times. */
export function change(now: number, before: number): Change | null {
  if (before === 0) {
    return now === 0 ? null : { words: 'none before', direction: 'up' };
  }
  const ratio = now / before;
  const percent = Math.round((ratio - 1) * 100);
  if (percent === 0) {
    return { words: 'as before', direction: 'same' };
  }
  const direction = percent > 0 ? 'up' : 'down';
  const words =
    ratio >= 10 ? `${readable(Math.round(ratio))} times` : `${percent > 0 ? '+' : '−'}${Math.abs(percent)} %`;
  return { words, direction };
}

/** A share in per cent: `12 %`, `0.4 %`, never 0 % for what is something. */
export function percent(share: number): string {
  const value = share * 100;
  if (value > 0 && value < 0.1) {
    return '< 0.1 %';
  }
  return `${value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} %`;
}

/** The days before the period, in words. */
export function beforeInWords({ from, to }: PeriodBefore, zone: string): string {
  return spanInWords({ first: dayIn(zone, new Date(from)), last: laterDay(dayIn(zone, new Date(to)), -1) });
}

/** What a day or month of the axis is called below it. */
export function shortPart(date: string, by: Unit): string {
  return asDate(date).toLocaleDateString(
    'en-GB',
    by === 'day' ? { day: 'numeric', month: 'short' } : { month: 'short' },
  );
}

/** The same in full. */
export function longPart(date: string, by: Unit): string {
  return asDate(date).toLocaleDateString(
    'en-GB',
    by === 'day'
      ? { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' }
      : { month: 'long', year: 'numeric' },
  );
}

function asDate(date: string): Date {
  const [year = 0, month = 1, day = 1] = date.split('-').map(Number);
  return new Date(year, month - 1, day);
}

/** What the chart of jobs says. */
export function jobsInWords(parts: JobFiguresPart[], totals: Figures, by: Unit): string {
  if (totals.opened === 0) {
    return 'No jobs were opened in this time.';
  }
  const most = busiest(parts, part => part.opened);
  const when = most === null ? '' : `; most ${inPart(most.date, by)}: ${readable(most.opened)}`;
  return `${counted(totals.opened, 'job')} opened, ${readable(totals.completed)} of them completed by now${when}.`;
}

/** What the chart of throughput says. */
export function throughputInWords(parts: JobFiguresPart[], totals: Figures, by: Unit): string {
  if (totals.finished === 0 && totals.failed === 0) {
    return 'No job finished or failed in this time.';
  }
  const most = busiest(parts, part => part.finished);
  const mean = totals.finished / Math.max(1, parts.length);
  const when = most === null ? '' : `, at most ${readable(most.finished)} ${inPart(most.date, by)}`;
  return `${counted(totals.finished, 'job')} finished, ${readable(Math.round(mean * 10) / 10)} a ${by} on average${when}.`;
}

/** What the line of open jobs says. */
export function openInWords(parts: JobFiguresPart[]): string {
  const last = parts.at(-1);
  const most = busiest(parts, part => part.open);
  if (last === undefined || most === null) {
    return 'No job was open at the end of any of these days.';
  }
  return `${counted(last.open, 'job')} open at the end; at most ${readable(most.open)}.`;
}

function busiest(parts: JobFiguresPart[], value: (part: JobFiguresPart) => number): JobFiguresPart | null {
  const most = parts.reduce<JobFiguresPart | null>(
    (best, part) => (best && value(best) >= value(part) ? best : part),
    null,
  );
  return most === null || value(most) === 0 ? null : most;
}

function inPart(date: string, by: Unit): string {
  return by === 'day' ? `on ${shortPart(date, by)}` : `in ${longPart(date, by)}`;
}

/** With fewer attempts than this a rate says nothing. */
const FEW = 5;

export type Attempts = { errors: number; attempts: number; rate: number };

function together(versions: StepVersionFigures[]): Attempts {
  const errors = versions.reduce((sum, one) => sum + one.errors, 0);
  const attempts = errors + versions.reduce((sum, one) => sum + one.finished, 0);
  return { errors, attempts, rate: attempts === 0 ? 0 : errors / attempts };
}

/** The version with which a step began to fail more often: what was before it, and what is since. */
export type Turn = { version: string; firstSeen: string | null; before: Attempts; since: Attempts };

/**
 * Since which version a step fails more. Of all the places between two versions the one where the rates of both sides
 * differ most clearly; null where none differs by half and more than chance would do (two proportions, z of 2). The
 * versions are in their order, the newest last.
 */
export function turn(versions: StepVersionFigures[]): Turn | null {
  let best: (Turn & { z: number }) | null = null;
  for (let index = 1; index < versions.length; index += 1) {
    const first = versions[index];
    const before = together(versions.slice(0, index));
    const since = together(versions.slice(index));
    if (first === undefined || before.attempts < FEW || since.attempts < FEW || since.rate < before.rate * 1.5) {
      continue;
    }
    const z = clarity(before, since);
    if (z >= 2 && z > (best?.z ?? 0)) {
      best = { version: first.version, firstSeen: first.first_seen, before, since, z };
    }
  }
  return best;
}

function clarity(before: Attempts, since: Attempts): number {
  const all = (before.errors + since.errors) / (before.attempts + since.attempts);
  const spread = Math.sqrt(all * (1 - all) * (1 / before.attempts + 1 / since.attempts));
  return spread === 0 ? 0 : (since.rate - before.rate) / spread;
}

/** The steps that fail, the most failing first. Rates of few attempts come behind all others. */
export function failing(items: StepFiguresItem[]): StepFiguresItem[] {
  const rate = (item: StepFiguresItem) => item.error_rate ?? 0;
  const isFew = (item: StepFiguresItem) => Number(item.errors + item.finished < FEW);
  return items
    .filter(item => item.errors > 0)
    .sort((a, b) => isFew(a) - isFew(b) || rate(b) - rate(a) || b.errors - a.errors);
}

/** Which step fails most, how often, and since which version. */
export function failsMost(items: StepFiguresItem[]): { step: string; rest: string } | null {
  const [most] = failing(items);
  if (most === undefined || most.error_rate === null) {
    return null;
  }
  const attempts = most.errors + most.finished;
  const often = `${percent(most.error_rate)} of ${counted(attempts, 'attempt')}`;
  return { step: most.name, rest: ` of ${most.tag} fails most: ${often}${sinceWords(most.versions)}.` };
}

function sinceWords(versions: StepVersionFigures[]): string {
  const turned = turn(versions);
  if (turned !== null) {
    const { version, before, since } = turned;
    return `, since ${version}: ${percent(since.rate)} of ${readable(since.attempts)} there, ${percent(before.rate)} of ${readable(before.attempts)} before`;
  }
  return versions.length > 1 ? ', in all versions about alike' : '';
}

/** What the versions of a step say of its errors. */
export function versionsInWords(item: StepFiguresItem): string {
  const [only] = item.versions;
  if (item.versions.length === 1 && only !== undefined) {
    return `Only ${only.version} ran in this time. A longer period shows the versions before it.`;
  }
  const turned = turn(item.versions);
  if (turned === null) {
    return 'No version differs from those before it by more than chance.';
  }
  const { version, before, since } = turned;
  return `Fails more since ${version}: ${percent(since.rate)} rather than ${percent(before.rate)}.`;
}

/** Steps with times, the slowest first. */
export function slowest(items: StepFiguresItem[]): StepFiguresItem[] {
  return items.filter(item => item.median !== null).sort((a, b) => (b.median ?? 0) - (a.median ?? 0));
}

/** The version in which a step became slower: its median is a quarter longer than the one before, of a few runs each. */
export function slowed(versions: StepVersionFigures[]): { version: string; before: string; factor: number } | null {
  const timed = versions.filter(one => one.median !== null && one.samples >= FEW);
  let worst: { version: string; before: string; factor: number } | null = null;
  for (const [index, one] of timed.entries()) {
    const earlier = timed[index - 1];
    if (earlier?.median && one.median !== null) {
      const factor = one.median / earlier.median;
      if (factor >= 1.25 && factor > (worst?.factor ?? 0)) {
        worst = { version: one.version, before: earlier.version, factor };
      }
    }
  }
  return worst;
}

/** A length of time in seconds, as one reads it: below ten seconds with a digit more. */
export function seconds(value: number): string {
  return value >= 1 && value < 10 ? `${Math.round(value * 10) / 10} s` : duration(value * 1000);
}

/** Which step takes longest, and which has become slower. */
export function slowestInWords(items: StepFiguresItem[]): { step: string; rest: string } | null {
  const [longest] = slowest(items);
  if (longest === undefined || longest.median === null || longest.p90 === null) {
    return null;
  }
  const worse = slowed(longest.versions);
  const since =
    worse === null ? '' : ` ${worse.version} takes ${percent(worse.factor - 1)} longer than ${worse.before}.`;
  return {
    step: longest.name,
    rest: ` of ${longest.tag} takes longest: half of its runs up to ${seconds(longest.median)}, nine of ten up to ${seconds(longest.p90)}.${since}`,
  };
}

/** What the versions of a step say of its time. */
export function timesInWords(item: StepFiguresItem): string {
  const worse = slowed(item.versions);
  if (worse !== null) {
    return `${worse.version} takes ${percent(worse.factor - 1)} longer than ${worse.before}, by the median.`;
  }
  const timed = item.versions.filter(one => one.median !== null);
  return timed.length > 1 ? 'No version takes much longer than the one before it.' : '';
}
