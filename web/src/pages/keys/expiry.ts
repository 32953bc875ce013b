import type { ApiKey } from '../../api/types';

const DAY = 86_400_000;

/** How near the end of a key is: `soon` within 14 days, `imminent` within 3. */
export type Expiry = 'never' | 'later' | 'soon' | 'imminent' | 'expired';

export function expiryOf(key: Pick<ApiKey, 'expires_at'>, now: Date): Expiry {
  if (key.expires_at === null) {
    return 'never';
  }
  const left = new Date(key.expires_at).getTime() - now.getTime();
  if (left <= 0) {
    return 'expired';
  }
  return left <= 3 * DAY ? 'imminent' : left <= 14 * DAY ? 'soon' : 'later';
}

/** Keys that still work, in their order, and those that do not, the last to end first. */
export function splitKeys(keys: ApiKey[], now: Date): { working: ApiKey[]; expired: ApiKey[] } {
  const isExpired = (key: ApiKey) => expiryOf(key, now) === 'expired';
  const byEnd = (a: ApiKey, b: ApiKey) => endOf(b) - endOf(a);
  return { working: keys.filter(key => !isExpired(key)), expired: keys.filter(isExpired).sort(byEnd) };
}

/** The keys that end within 14 days, the first to end first. */
export function endingSoon(keys: ApiKey[], now: Date): ApiKey[] {
  const isNear = (key: ApiKey) => ['soon', 'imminent'].includes(expiryOf(key, now));
  return keys.filter(isNear).sort((a, b) => endOf(a) - endOf(b));
}

function endOf(key: ApiKey): number {
  return key.expires_at === null ? Number.POSITIVE_INFINITY : new Date(key.expires_at).getTime();
}

export type Lifetime = '30d' | '90d' | '1y' | 'never' | 'date';

export const LIFETIMES: { value: Lifetime; label: string }[] = [
  { value: '30d', label: '30 days' },
  { value: '90d', label: '90 days' },
  { value: '1y', label: 'A year' },
  { value: 'date', label: 'A date' },
  { value: 'never', label: 'Never' },
];

/**
 * The instant a new key ends; null for never. `date` is a day of the calendar, `2026-12-31`, at whose end, in the time
 * of whoever chose it, the key ends. Undefined: no day was chosen yet.
 */
export function expiresAt(lifetime: Lifetime, date: string | null, now: Date): string | null | undefined {
  switch (lifetime) {
    case 'never':
      return null;
    case '30d':
      return new Date(now.getTime() + 30 * DAY).toISOString();
    case '90d':
      return new Date(now.getTime() + 90 * DAY).toISOString();
    case '1y': {
      const end = new Date(now);
      end.setFullYear(end.getFullYear() + 1);
      return end.toISOString();
    }
    case 'date': {
      const end = date === null ? null : new Date(`${date}T23:59:59`);
      return end === null || Number.isNaN(end.getTime()) ? undefined : end.toISOString();
    }
  }
}

/** How long a rotated key goes on, in seconds. */
export const OVERLAPS: { value: string; label: string }[] = [
  { value: '0', label: 'Not at all: it ends now' },
  { value: '3600', label: 'One hour' },
  { value: '86400', label: '24 hours' },
  { value: '604800', label: '7 days' },
  { value: '2592000', label: '30 days' },
];

/** What becomes of the old key: its end is never put off. */
export function endOfOldKey(key: Pick<ApiKey, 'expires_at'>, overlap: number, now: Date): Date {
  const end = new Date(now.getTime() + overlap * 1000);
  const before = key.expires_at === null ? null : new Date(key.expires_at);
  return before !== null && before < end ? before : end;
}
