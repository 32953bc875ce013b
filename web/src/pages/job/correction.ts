import type { Customer, Job } from '../../api/types';

/** The changes of `PATCH /jobs/{id}`: only what is to change. */
export type Correction = {
  provider_job_name?: string;
  customer_id?: string | null;
  customer_email?: string;
};

type Option = { value: string; label: string };

const NOBODY = 'nobody';
const BY_ID = 'id:';
const BY_EMAIL = 'email:';

/** For whom a job can be: nobody, or one of the customers; and for whom it is now. */
export function recipients(customers: Customer[], job: Job): { data: Option[]; current: string } {
  const current = recipientOf(job);
  const data = [{ value: NOBODY, label: 'Nobody but you' }, ...customers.map(optionOf)];
  if (!data.some(({ value }) => value === current)) {
    data.push({ value: current, label: job.customer_email ?? 'The present customer' });
  }
  return { data, current };
}

function recipientOf(job: Job): string {
  if (job.customer_id !== null) {
    return BY_ID + job.customer_id;
  }
  return job.customer_email === null ? NOBODY : BY_EMAIL + job.customer_email;
}

function optionOf(customer: Customer): Option {
  if (customer.customer_id === null) {
    return { value: BY_EMAIL + customer.email, label: `${customer.email} (invited)` };
  }
  const person = [customer.first_name, customer.last_name].filter(Boolean).join(' ');
  const names = [customer.organization, person, customer.email].filter(Boolean);
  return { value: BY_ID + customer.customer_id, label: names.join(', ') };
}

/** What has to change. Null: nothing. */
export function correctionOf(job: Job, wanted: { name: string; recipient: string }): Correction | null {
  const correction: Correction = {};
  if (wanted.name !== job.provider_job_name) {
    correction.provider_job_name = wanted.name;
  }
  if (wanted.recipient !== recipientOf(job)) {
    Object.assign(correction, addressee(wanted.recipient));
  }
  return Object.keys(correction).length === 0 ? null : correction;
}

function addressee(recipient: string): Correction {
  if (recipient.startsWith(BY_EMAIL)) {
    return { customer_email: recipient.slice(BY_EMAIL.length) };
  }
  return { customer_id: recipient === NOBODY ? null : recipient.slice(BY_ID.length) };
}
