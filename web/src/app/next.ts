/**
 * Where the sign-in leads on: only to pages of our own, and to nothing that a browser takes for another address. What
 * does not fit is said to be undefined: of what is only left out the router keeps what the address has.
 */
export function nextOf(next: unknown): { next?: string } {
  return { next: typeof next === 'string' && /^\/(?![/\\])[^\p{Cc}]*$/u.test(next) ? next : undefined };
}
