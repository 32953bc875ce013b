import type { UsageFigures, UsageRow } from '../../api/types';

/** The columns of numbers, in their order. */
export const COLUMNS: { name: keyof UsageFigures; label: string }[] = [
  { name: 'jobs', label: 'Jobs' },
  { name: 'finished', label: 'Finished' },
  { name: 'failed', label: 'Failed' },
  { name: 'steps', label: 'Steps' },
  { name: 'points_earned', label: 'Points' },
  { name: 'hours', label: 'Hours' },
];

const whole = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });
const tenThousandths = new Intl.NumberFormat('en-GB', { minimumFractionDigits: 4, maximumFractionDigits: 4 });

/** A figure to the last digit: hours are kept in ten-thousandths. */
export function exact(name: keyof UsageFigures, value: number): string {
  return (name === 'hours' ? tenThousandths : whole).format(value);
}

/** Whom a row is about. */
export function customerOf({ customer_email, customer_link_id }: UsageRow): string {
  return customer_email ?? (customer_link_id === null ? 'Nobody' : 'An erased customer');
}

/** `October 2026`. */
export function monthName(month: string): string {
  const [year = 0, number = 1] = month.split('-').map(Number);
  return new Date(year, number - 1, 1).toLocaleDateString('en-GB', { month: 'long', year: 'numeric' });
}

export function rowKey({ customer_link_id, tag, version, month }: UsageRow): string {
  return `${customer_link_id} ${tag} ${version} ${month}`;
}
