import { expect, test } from 'vitest';
import type { Customer } from '../../api/types';
import { correctionOf, recipients } from './correction';
import { aJob } from './samples';

const invited: Customer = {
  id: 'link-1',
  provider_id: 'provider',
  customer_id: null,
  email: 'tom@harbour.example',
  status: 'invited',
  first_name: null,
  last_name: null,
  organization: null,
  invitation_expires_at: null,
  created_at: '',
  updated_at: '',
};
const linked: Customer = {
  ...invited,
  id: 'link-2',
  customer_id: 'customer',
  email: 'ines@northside.example',
  status: 'accepted',
  first_name: 'Ines',
  last_name: 'Moreau',
  organization: 'Northside Clinic',
};
const job = aJob({ customer_id: 'customer', customer_email: linked.email, provider_job_name: 'Scan' });

test('a job can be for nobody, a linked customer or an invited one', () => {
  const { data, current } = recipients([linked, invited], job);
  expect(data.map(option => option.label)).toEqual([
    'Nobody but you',
    'Northside Clinic, Ines Moreau, ines@northside.example',
    'tom@harbour.example (invited)',
  ]);
  expect(current).toBe('id:customer');
});

test('whoever has it now can keep it, even if unlinked since', () => {
  const { data, current } = recipients([], aJob({ customer_id: null, customer_email: 'old@example.org' }));
  expect(data.find(option => option.value === current)?.label).toBe('old@example.org');
});

test('only what is to change is sent', () => {
  const recipient = 'id:customer';
  expect(correctionOf(job, { name: 'Scan', recipient })).toBeNull();
  expect(correctionOf(job, { name: 'New', recipient })).toEqual({ provider_job_name: 'New' });
  expect(correctionOf(job, { name: 'Scan', recipient: 'nobody' })).toEqual({ customer_id: null });
  expect(correctionOf(job, { name: 'Scan', recipient: 'id:other' })).toEqual({ customer_id: 'other' });
  expect(correctionOf(job, { name: 'Scan', recipient: 'email:tom@harbour.example' })).toEqual({
    customer_email: 'tom@harbour.example',
  });
});
