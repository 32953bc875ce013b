/** Where the sign-in leads on: only to pages of our own, and to nothing that a browser takes for another address. */
export function nextOf(next: unknown): { next?: string } {
  return typeof next === 'string' && /^\/(?![/\\])[^\p{Cc}]*$/u.test(next) ? { next } : {};
}
