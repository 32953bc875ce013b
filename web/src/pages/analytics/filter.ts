import type { Unit } from '../../api/types';
import {
  chosenSpan,
  daysBetween,
  laterDay,
  readSpan,
  type Span,
  type SpanChoice,
  type SpanName,
} from '../../model/spans';

/** The spans with a name that one can choose among. */
export const SPANS: SpanName[] = ['today', '7-days', '30-days', 'month', 'last-month', 'year'];
/** The one that is meant where the address says nothing. */
export const USUAL: SpanName = '30-days';

/** Beyond so many days, months are what one wants to see; so many days the server counts one by one. */
const MANY_DAYS = 92;
const MOST_DAYS = 400;

/** What the address of the page holds: period, configuration and customer, for all charts at once. */
export type AnalyticsFilter = SpanChoice & {
  tag?: string | undefined;
  version?: string | undefined;
  /** An address, an id, or `none`: jobs of nobody. */
  customer?: string | undefined;
  by?: Unit | undefined;
  /** The step whose measurements are shown: `tag/step`. */
  measured?: string | undefined;
};

/** The filter in the address. What does not fit is undefined: of what is only left out the router keeps what it has. */
export function readAnalyticsFilter(search: Record<string, unknown>): AnalyticsFilter {
  const text = (value: unknown) => (typeof value === 'string' && value.trim() !== '' ? value : undefined);
  const tag = text(search.tag);
  return {
    ...readSpan(search, SPANS),
    tag,
    version: tag === undefined ? undefined : text(search.version),
    customer: text(search.customer),
    by: search.by === 'day' || search.by === 'month' ? search.by : undefined,
    measured: text(search.measured),
  };
}

/** What is asked of the server. Of a period that is open at one end, a year is shown. */
export type Question = {
  from: string;
  to: string;
  zone: string;
  by: Unit;
  tag?: string | undefined;
  version?: string | undefined;
  customer?: string | undefined;
};

export function questionOf(filter: AnalyticsFilter, today: string, zone: string): Question {
  const { first, last } = closed(chosenSpan(filter, USUAL, today), today);
  const days = daysBetween(first, last);
  const usual = days > MANY_DAYS ? 'month' : 'day';
  const by = days > MOST_DAYS ? 'month' : (filter.by ?? usual);
  const { tag, version, customer } = filter;
  return { from: first, to: last, zone, by, tag, version, customer };
}

function closed({ first, last }: Span, today: string): { first: string; last: string } {
  const end = last ?? (first !== null && first > today ? first : today);
  return { first: first ?? laterDay(end, -364), last: end };
}

/** Whether days can be told one by one. */
export function hasDays({ from, to }: Question): boolean {
  return daysBetween(from, to) <= MOST_DAYS;
}

/** Whether what happens now belongs to it. */
export function isOfToday({ from, to }: Question, today: string): boolean {
  return from <= today && today <= to;
}

/** The words by which a file of this filter is told from others. */
export function fileWords({ from, to, tag, version, customer }: Question): (string | undefined)[] {
  return [from, to, tag === undefined ? undefined : [tag, version].filter(Boolean).join('-'), customer];
}
