import { expect, it } from 'vitest';
import type { Invitation, User } from '../../api/types';
import { invitationStep } from './invitation';

const invitation = (has_account: boolean) => ({ email: 'tom@harbour.example', has_account }) as Invitation;
const user = (email: string, role: User['role'] = 'customer') => ({ email, role }) as User;

it('asks a stranger for a new account, and somebody known to sign in', () => {
  expect(invitationStep(invitation(false), null)).toBe('new-account');
  expect(invitationStep(invitation(true), null)).toBe('sign-in');
});

it('lets only the invited customer accept', () => {
  expect(invitationStep(invitation(true), user('tom@harbour.example'))).toBe('accept');
  expect(invitationStep(invitation(true), user('ines@clinic.example'))).toBe('somebody-else');
  expect(invitationStep(invitation(false), user('ines@clinic.example'))).toBe('somebody-else');
  expect(invitationStep(invitation(true), user('tom@harbour.example', 'provider'))).toBe('provider');
});
