import type { JobStatus, UsageRow } from '../../api/types';
import { chosenSpan, readSpan, type SpanChoice, type SpanName } from '../../model/spans';
import { STATUSES } from '../jobs/filter';

/** The spans with a name that one can choose among. */
export const SPANS: SpanName[] = ['last-month', 'month', 'today', '7-days', '30-days', 'year', 'all'];
/** What is billed is what was done last month. */
export const USUAL: SpanName = 'last-month';

/** What the address of the page holds. */
export type ReportFilter = SpanChoice & {
  tag?: string | undefined;
  version?: string | undefined;
  /** An address, an id, or `none`: jobs of nobody. */
  customer?: string | undefined;
  status?: JobStatus[] | undefined;
  /** Whether versions have rows of their own. */
  by_version?: boolean | undefined;
};

/** The filter in the address. What does not fit is undefined: of what is only left out the router keeps what it has. */
export function readReportFilter(search: Record<string, unknown>): ReportFilter {
  const text = (value: unknown) => (typeof value === 'string' && value.trim() !== '' ? value : undefined);
  const tag = text(search.tag);
  const words = Array.isArray(search.status) ? search.status : String(search.status ?? '').split(',');
  const status = STATUSES.filter(one => words.includes(one));
  return {
    ...readSpan(search, SPANS),
    tag,
    version: tag === undefined ? undefined : text(search.version),
    customer: text(search.customer),
    status: status.length > 0 ? status : undefined,
    by_version: String(search.by_version) === 'true' || undefined,
  };
}

/** What is asked of the server. */
export type ReportQuestion = {
  from?: string | undefined;
  to?: string | undefined;
  zone: string;
  tag?: string | undefined;
  version?: string | undefined;
  customer?: string | undefined;
  status?: string | undefined;
};

export function reportQuestion(filter: ReportFilter, today: string, zone: string): ReportQuestion {
  const { first, last } = chosenSpan(filter, USUAL, today);
  const { tag, version, customer, status } = filter;
  return { from: first ?? undefined, to: last ?? undefined, zone, tag, version, customer, status: status?.join(',') };
}

/** Which jobs a row is made of: those of its customer, its configuration and its part of the period. */
export function proofQuestion(row: UsageRow, { zone, version, status }: ReportQuestion): ReportQuestion {
  return {
    from: row.from,
    to: row.before,
    zone,
    tag: row.tag,
    version: row.version ?? version,
    customer: row.customer_link_id ?? 'none',
    status,
  };
}

export type Report = 'usage' | 'events';

/** What a report can be taken as, and what for. */
export const FORMATS = [
  { format: 'csv', name: 'CSV', word: 'for spreadsheets and scripts; its first lines say what it holds' },
  {
    format: 'excel',
    name: 'CSV for Excel',
    word: 'semicolons and decimal commas, as Excel reads it in most of Europe',
  },
  { format: 'xlsx', name: 'XLSX', word: 'an Excel workbook, with numbers and times as such' },
  { format: 'ndjson', name: 'NDJSON', word: 'a line of JSON for each row, for programs' },
  { format: 'parquet', name: 'Parquet', word: 'for pandas, DuckDB and millions of rows' },
] as const;

/** How a report is wanted. */
export type Wanted = { question: ReportQuestion; format: string; isByVersion?: boolean };

/** Where a report is. */
export function reportAddress(report: Report, wanted: Wanted): string {
  return `/api/v1/reports/${report}?${new URLSearchParams(parameters(report, wanted))}`;
}

/** The command that fetches the same. */
export function reportCommand(report: Report, wanted: Wanted): string {
  const options = parameters(report, wanted).map(([name, value]) =>
    name === 'by_version' ? '--by-version' : `--${name} ${quoted(value)}`,
  );
  return ['milepost report', report, ...options].join(' ');
}

function parameters(report: Report, { question, format, isByVersion = false }: Wanted): [string, string][] {
  const by_version = isByVersion && report === 'usage' ? 'true' : undefined;
  return Object.entries({ ...question, by_version, format }).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  );
}

/** As a shell takes it for one word. */
function quoted(word: string): string {
  return /^[\w@%+:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
