import { describe, expect, it } from 'vitest';
import type { Customer, User } from '../../api/types';
import { customerPerson, customerState, customerTitle, invitationLetter } from './customer';

const now = new Date('2026-11-22T12:00:00Z');
const invited: Customer = {
  id: 'c1',
  provider_id: 'p1',
  customer_id: null,
  email: 'tom@harbour.example',
  status: 'invited',
  first_name: null,
  last_name: null,
  organization: null,
  invitation_expires_at: '2026-11-23T12:00:00Z',
  created_at: '2026-11-09T12:00:00Z',
  updated_at: '2026-11-09T12:00:00Z',
};
const tom: Customer = {
  ...invited,
  customer_id: 'u1',
  status: 'accepted',
  first_name: 'Tom',
  last_name: 'Reyes',
  invitation_expires_at: null,
};
const harbour: Customer = { ...tom, organization: 'Harbour Hospital' };

describe('the state of a customer', () => {
  it('tells an open invitation from one that has run out', () => {
    expect(customerState(invited, now)).toBe('invited');
    expect(customerState({ ...invited, invitation_expires_at: '2026-11-22T12:00:00Z' }, now)).toBe('run-out');
    expect(customerState({ ...invited, invitation_expires_at: null }, now)).toBe('run-out');
    expect(customerState(tom, now)).toBe('accepted');
  });
});

describe('what a customer is called', () => {
  it('is the organization, else the person, else the address', () => {
    expect([customerTitle(harbour), customerPerson(harbour)]).toEqual(['Harbour Hospital', 'Tom Reyes']);
    expect([customerTitle(tom), customerPerson(tom)]).toEqual(['Tom Reyes', null]);
    expect([customerTitle(invited), customerPerson(invited)]).toEqual(['tom@harbour.example', null]);
  });
});

describe('the letter', () => {
  const ada = { first_name: 'Ada', last_name: 'Lindqvist', organization: 'Aurora Imaging' } as User;

  it('carries the link on a line of its own, and until when it is good', () => {
    const letter = invitationLetter(ada, 'https://m.example/invitations/abc', '2026-12-06T12:00:00Z');
    expect(letter.split('\n')).toContain('https://m.example/invitations/abc');
    expect(letter).toContain('It works once and is good until 6 December 2026.');
    expect(letter.endsWith('Ada Lindqvist, Aurora Imaging')).toBe(true);
  });

  it('is signed by a person who has no organization', () => {
    expect(invitationLetter({ ...ada, organization: null }, 'https://m.example', null)).toMatch(
      /regards\nAda Lindqvist$/,
    );
  });
});
