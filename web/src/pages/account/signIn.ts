import { ApiError, fieldErrors } from '../../api/client';
import type { User } from '../../api/types';
import { duration } from '../../model/time';

export type Filled = { email: string; password: string };

/** `#email=…&password=…`: what a link of the demo fills in. Browsers keep this part of an address from the server. */
export function readFragment(hash: string): Filled | null {
  const fragment = new URLSearchParams(hash.replace(/^#/, ''));
  const filled = { email: fragment.get('email') ?? '', password: fragment.get('password') ?? '' };
  return filled.email === '' ? null : filled;
}

/** Whether somebody who is signed in has no business here: not if a link is for somebody else. */
export function isSentOn(me: User | null | undefined, filled: Filled | null): boolean {
  return me != null && (filled === null || filled.email.toLowerCase() === me.email);
}

/** Why a sign-in failed, in words for the person who tried; `wait` is how many seconds are left until another try. */
export function signInProblem(error: unknown, wait = 0): string | null {
  if (error === null) {
    return null;
  }
  if (error instanceof ApiError && error.status === 429) {
    return wait > 0
      ? `There were too many attempts to sign in. Try again in ${duration(wait * 1000)}.`
      : 'There were too many attempts to sign in. You can try again now.';
  }
  if (error instanceof ApiError && error.status === 401) {
    return 'E-mail address or password is wrong.';
  }
  if (error instanceof ApiError && error.status === 503) {
    return 'The server is busy or cannot reach its database. Nothing is wrong with what you typed: try again in a moment.';
  }
  if (error instanceof ApiError && error.status === 0) {
    return 'The server cannot be reached. Check your connection and try again.';
  }
  return fieldErrors(error, [])[''] ?? null;
}
