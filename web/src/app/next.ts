/**
 * Where the sign-in leads on: only to pages of our own, and to nothing that a browser takes for another address. What
 * does not fit is said to be undefined: of what is only left out the router keeps what the address has.
 */
export function nextOf(next: unknown): { next?: string } {
  return { next: typeof next === 'string' && isOwnPath(next) ? next : undefined };
}

/** Browsers drop control characters, take `\` for `/`, and leave `//` of `/..//`. */
function isOwnPath(text: string): boolean {
  const origin = 'http://milepost.invalid';
  const isPath = /^\/[^\\\p{Cc}]*$/u.test(text) && URL.canParse(text, origin);
  const url = isPath ? new URL(text, origin) : undefined;
  return url?.origin === origin && !url.pathname.startsWith('//');
}
