import type { Invitation, User } from '../../api/types';

/** What somebody who opens an invitation does next. */
export type InvitationStep =
  /** Nobody is signed in and the address has no account. */
  | 'new-account'
  /** Nobody is signed in and the address has an account. */
  | 'sign-in'
  /** The one it is for is signed in. */
  | 'accept'
  /** Somebody else is signed in. */
  | 'somebody-else'
  /** The address has a provider's account, which can be nobody's customer. */
  | 'provider';

export function invitationStep(invitation: Invitation, me: User | null): InvitationStep {
  if (me === null) {
    return invitation.has_account ? 'sign-in' : 'new-account';
  }
  if (me.email !== invitation.email) {
    return 'somebody-else';
  }
  return me.role === 'customer' ? 'accept' : 'provider';
}
