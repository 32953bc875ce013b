import { shortDay } from './time';

/** Whole days as a calendar has them, `2026-11-22`, the last included. Null: open. */
export type Span = { first: string | null; last: string | null };

/** Spans of days that have a name. They move with today. */
export type SpanName = 'today' | '7-days' | '30-days' | 'month' | 'last-month' | 'year' | 'all';

/** What the address of a page says of its period: a name, or days. */
export type SpanChoice = { period?: SpanName | undefined; from?: string | undefined; to?: string | undefined };

export const SPAN_WORDS: Record<SpanName, string> = {
  today: 'Today',
  '7-days': 'Past 7 days',
  '30-days': 'Past 30 days',
  month: 'This month',
  'last-month': 'Last month',
  year: 'This year',
  all: 'All time',
};

/** The zone whose days and months count: the browser's, as the server knows it by name. */
export function ownZone(): string {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return timeZone === undefined || timeZone === 'Etc/Unknown' ? 'UTC' : timeZone;
}

/** The day that it is somewhere. */
export function dayIn(zone: string, at: Date): string {
  const options = { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' } as const;
  const parts = new Intl.DateTimeFormat('en', options).formatToParts(at);
  const part = (type: string) => parts.find(one => one.type === type)?.value ?? '';
  return `${part('year').padStart(4, '0')}-${part('month')}-${part('day')}`;
}

/** The day so many days later. Days of a calendar: no clock that is put forward or back makes one more or less. */
export function laterDay(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/** How many days from one to the other, both included. */
export function daysBetween(first: string, last: string): number {
  return Math.round((Date.parse(last) - Date.parse(first)) / 86_400_000) + 1;
}

/** The days of a span with a name. */
export function spanOf(name: SpanName, today: string): Span {
  const [year, month] = [today.slice(0, 4), today.slice(0, 7)];
  switch (name) {
    case 'today':
      return { first: today, last: today };
    case '7-days':
      return { first: laterDay(today, -6), last: today };
    case '30-days':
      return { first: laterDay(today, -29), last: today };
    case 'month':
      return { first: `${month}-01`, last: today };
    case 'last-month': {
      const last = laterDay(`${month}-01`, -1);
      return { first: `${last.slice(0, 7)}-01`, last };
    }
    case 'year':
      return { first: `${year}-01-01`, last: today };
    case 'all':
      return { first: null, last: null };
  }
}

/** The days that are chosen. */
export function chosenSpan({ period, from, to }: SpanChoice, usual: SpanName, today: string): Span {
  const isOwn = period === undefined && (from !== undefined || to !== undefined);
  return isOwn ? { first: from ?? null, last: to ?? null } : spanOf(period ?? usual, today);
}

/** What the address says of the period. What is no day, or ends before it begins, is nothing. */
export function readSpan(search: Record<string, unknown>, names: readonly SpanName[]): SpanChoice {
  const period = names.find(name => name === search.period);
  const from = readDay(search.from);
  const to = readDay(search.to);
  const isBackwards = from !== undefined && to !== undefined && to < from;
  if (period !== undefined || isBackwards) {
    return { period, from: undefined, to: undefined };
  }
  return { period: undefined, from, to };
}

function readDay(value: unknown): string | undefined {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(value)) {
    return undefined;
  }
  const at = Date.parse(`${value}T00:00:00Z`);
  // 30 February is a March of JavaScript's.
  const isDay = !Number.isNaN(at) && new Date(at).toISOString().startsWith(value);
  return isDay && value >= '1970-01-01' ? value : undefined;
}

/** `1 – 31 Oct`, `22 Nov`, `since 3 Nov 2025`, `all time`. */
export function spanInWords({ first, last }: Span, now = new Date()): string {
  if (first === null || last === null) {
    return first !== null
      ? `since ${shortDay(first, now)}`
      : last !== null
        ? `until ${shortDay(last, now)}`
        : 'all time';
  }
  if (first === last) {
    return shortDay(first, now);
  }
  const isOneMonth = first.slice(0, 7) === last.slice(0, 7);
  return `${isOneMonth ? Number(first.slice(8)) : shortDay(first, now)} – ${shortDay(last, now)}`;
}
