import type { ExpectedEnd, JobDetail } from '../../api/types';
import { counted } from '../../model/number';

/** Intervals narrower than this are told to the second. */
const NARROW = 2 * 60_000;

/** When a job will have ended, by the clocks here: `Done between 14:05 and 14:20`. */
export function expectation({ from, to, runs, ended, overdue }: ExpectedEnd, now: Date): string {
  if (from !== null && to !== null) {
    return between(new Date(from), new Date(to), now);
  }
  const longer = `Under way longer than ${ended} of ${counted(runs, 'past run')}`;
  return overdue ? `${longer}: later than expected` : longer;
}

function between(from: Date, to: Date, now: Date): string {
  const isNarrow = to.getTime() - from.getTime() < NARROW;
  const [first, last] = [clock(from, isNarrow), clock(to, isNarrow)];
  const [firstDay, lastDay] = [day(from, now), day(to, now)];
  if (firstDay !== lastDay) {
    return `Done between ${joined(firstDay, first)} and ${joined(lastDay, last)}`;
  }
  const on = firstDay === '' || firstDay === 'tomorrow' ? firstDay : `on ${firstDay}`;
  return joined(joined('Done', on), first === last ? `about ${first}` : `between ${first} and ${last}`);
}

function joined(first: string, last: string): string {
  return first === '' ? last : last === '' ? first : `${first} ${last}`;
}

function clock(at: Date, withSeconds: boolean): string {
  const second = withSeconds ? ('2-digit' as const) : undefined;
  return at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', second });
}

/** Nothing for today. */
function day(at: Date, now: Date): string {
  const isDay = (offset: number) =>
    at.toDateString() === new Date(now.getFullYear(), now.getMonth(), now.getDate() + offset).toDateString();
  if (isDay(0)) {
    return '';
  }
  if (isDay(1)) {
    return 'tomorrow';
  }
  const year = at.getFullYear() === now.getFullYear() ? undefined : ('numeric' as const);
  return at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year });
}

/** Why: `from 37 runs of kidney 1.2.0 that had finished Left kidney`. */
export function reason({ from, runs, ended, basis }: ExpectedEnd, job: JobDetail): string {
  const of = `${job.tag} ${basis.version ?? '(other versions)'}`;
  const step = job.steps.find(({ tag }) => tag === basis.step);
  const where = basis.step === null ? '' : ` that had finished ${step?.name ?? basis.step}`;
  if (from === null || ended === 0) {
    return `from ${counted(runs, 'run')} of ${of}${where}`;
  }
  const since = basis.step === null ? 'took longer than this one so far' : 'went on for longer from there';
  return `from ${runs - ended} of ${counted(runs, 'run')} of ${of}${where}: those that ${since}`;
}
