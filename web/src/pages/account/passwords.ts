/** The server's rule for passwords; it counts characters, not bytes. */
export const SHORTEST_PASSWORD = 8;
export const LONGEST_PASSWORD = 256;

export const PASSWORD_RULE =
  `${SHORTEST_PASSWORD} to ${LONGEST_PASSWORD} characters of any kind. ` +
  'A few unrelated words are easy to remember and hard to guess.';

/** What is wrong with a new password, or null. */
export function passwordProblem(password: string): string | null {
  const length = [...password].length;
  if (length < SHORTEST_PASSWORD) {
    const missing = SHORTEST_PASSWORD - length;
    return `Too short: ${missing} more ${missing === 1 ? 'character is' : 'characters are'} needed.`;
  }
  if (length > LONGEST_PASSWORD) {
    return `Too long: at most ${LONGEST_PASSWORD} characters.`;
  }
  return null;
}

/** What is wrong with a password typed twice, or null. */
export function repetitionProblem(password: string, again: string): string | null {
  return password === again ? null : 'This is not the same as above.';
}
