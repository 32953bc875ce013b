import type { AuditAction, AuditEntry } from '../../api/types';

/** What was done, behind the name of who did it. */
const DEEDS: Record<AuditAction, string> = {
  sign_in: 'signed in',
  sign_in_failed: 'failed to sign in',
  sign_out: 'signed out',
  session_ended: 'ended a session',
  password_changed: 'changed the password',
  password_reset: 'set a new password',
  profile_changed: 'changed the profile',
  account_created: 'made the account',
  account_disabled: 'disabled the account',
  account_enabled: 'let the account in again',
  account_erased: 'erased the account',
  key_created: 'made an API key',
  key_expired: 'ended an API key',
  key_rotated: 'rotated an API key',
  customer_invited: 'invited a customer',
  customer_accepted: 'accepted an invitation',
  customer_unlinked: 'unlinked a customer',
  customer_erased: "erased a customer's data",
  job_corrected: 'corrected a job',
  job_read: 'read a job',
  data_exported: "exported the account's data",
  jobs_retired: 'retired old jobs',
};

/** Who did it, as the reader would say it. */
export function who(entry: AuditEntry, readerId: string): string {
  switch (entry.actor) {
    case 'operator':
      return 'The operator';
    case 'server':
      return 'The server';
    case 'nobody':
      return 'Somebody';
    case 'key':
      return `A key of ${entry.actor_id === readerId ? 'yours' : nameOf(entry)}`;
    case 'user':
      return entry.actor_id === readerId ? 'You' : nameOf(entry);
  }
}

function nameOf(entry: AuditEntry): string {
  return entry.actor_email ?? 'an account that is no more';
}

/** What was done. What a newer server does that this page does not know is shown by its name. */
export function deed({ action }: AuditEntry): string {
  return DEEDS[action] ?? action;
}

/** What more is known of it: numbers, scopes and the names of fields. */
export function detail({ details }: AuditEntry): string {
  const told = (value: unknown): string =>
    Array.isArray(value)
      ? value.map(told).join(', ')
      : typeof value === 'object'
        ? JSON.stringify(value)
        : String(value);
  return Object.entries(details ?? {})
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name.replaceAll('_', ' ')}: ${told(value)}`)
    .join(' · ');
}

/** Kinds of deeds to choose from. */
export const GROUPS: { value: string; label: string; actions: AuditAction[] }[] = [
  { value: 'sign-ins', label: 'Sign-ins', actions: ['sign_in', 'sign_in_failed', 'sign_out', 'session_ended'] },
  {
    value: 'account',
    label: 'Account',
    actions: [
      'account_created',
      'account_disabled',
      'account_enabled',
      'account_erased',
      'password_changed',
      'password_reset',
      'profile_changed',
    ],
  },
  { value: 'keys', label: 'API keys', actions: ['key_created', 'key_expired', 'key_rotated'] },
  {
    value: 'customers',
    label: 'Customers',
    actions: ['customer_invited', 'customer_accepted', 'customer_unlinked', 'customer_erased'],
  },
  { value: 'jobs', label: 'Jobs', actions: ['job_corrected', 'job_read', 'jobs_retired'] },
  { value: 'exports', label: 'Exports', actions: ['data_exported'] },
];

/** Which entries to list: what the address of the page holds. */
export type AuditFilter = { group?: string | undefined; from?: string | undefined; to?: string | undefined };

/** The filter in the address. What does not fit is undefined: of what is only left out the router keeps what it has. */
export function readAuditFilter(search: Record<string, unknown>): AuditFilter {
  const instant = (value: unknown) =>
    typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? value : undefined;
  return {
    group: GROUPS.find(({ value }) => value === search.group)?.value,
    from: instant(search.from),
    to: instant(search.to),
  };
}
