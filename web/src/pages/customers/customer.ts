import type { Customer, User } from '../../api/types';

/** How far a customer is: an invitation that has run out needs the provider. */
export type CustomerState = 'accepted' | 'invited' | 'run-out';

export function customerState(customer: Customer, now: Date): CustomerState {
  if (customer.status === 'accepted') {
    return 'accepted';
  }
  const end = customer.invitation_expires_at;
  return end === null || new Date(end) <= now ? 'run-out' : 'invited';
}

/** Whom one sees first: the organization, else the person; of somebody who was only invited all that is known. */
export function customerTitle(customer: Customer): string {
  return customer.organization ?? (personOf(customer) || customer.email);
}

/** The person, where the title is not that already. */
export function customerPerson(customer: Customer): string | null {
  return customer.organization === null ? null : personOf(customer) || null;
}

/** What a customer is called where one is chosen: the title, and the address. */
export function customerLabel(customer: Customer): string {
  const title = customerTitle(customer);
  return title === customer.email ? title : `${title} · ${customer.email}`;
}

function personOf({ first_name, last_name }: Pick<Customer, 'first_name' | 'last_name'>): string {
  return [first_name, last_name].filter(Boolean).join(' ');
}

/** A letter that hands the link over. */
export function invitationLetter(provider: User, link: string, expiresAt: string | null): string {
  const name = `${provider.first_name} ${provider.last_name}`;
  const who = provider.organization ?? name;
  const end = expiresAt === null ? '' : ` and is good until ${letterDate(new Date(expiresAt))}`;
  return [
    'Hello,',
    `you can watch the jobs that we do for you live: how far they are, when they finish, and what they found. To begin, open this link:`,
    link,
    `It works once${end}. Please do not pass it on: whoever opens it first can accept it.`,
    `Best regards\n${who === name ? name : `${name}, ${who}`}`,
  ].join('\n\n');
}

function letterDate(at: Date): string {
  return at.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric' });
}
