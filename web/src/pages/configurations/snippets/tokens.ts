import type { Syntax } from './snippets';

export type Token = { at: number; kind: 'comment' | 'string' | 'word' | 'rest'; text: string };

/** Above this length colours cost more than they help. */
const MOST_COLOURED = 20_000;

const STRINGS = /"(?:[^"\\\n]|\\.)*"/.source;
/** A comment has its line for itself. */
const COMMENT = /^ *#.*$/.source;
const PATTERNS: Record<Syntax, RegExp> = {
  shell: pattern(STRINGS, ' -{1,2}[a-zA-Z][a-zA-Z-]*|\\b(?:curl|echo|export|milepost)\\b'),
  python: pattern(STRINGS, '\\b(?:as|def|if|import|not|raise|return|with)\\b'),
  toml: pattern(`${STRINGS}|'[^'\\n]*'`, '^\\[.*\\]$'),
};

function pattern(strings: string, words: string): RegExp {
  return new RegExp(`(?<comment>${COMMENT})|(?<string>${strings})|(?<word>${words})`, 'gm');
}

/** The code in parts to be coloured: comments, strings, and the words of the language. Together they are the code. */
export function tokens(code: string, syntax: Syntax): Token[] {
  if (code.length > MOST_COLOURED) {
    return [{ at: 0, kind: 'rest', text: code }];
  }
  const found: Token[] = [];
  let at = 0;
  for (const match of code.matchAll(PATTERNS[syntax])) {
    if (match.index > at) {
      found.push({ at, kind: 'rest', text: code.slice(at, match.index) });
    }
    const { comment, string } = match.groups ?? {};
    const kind = comment === undefined ? (string === undefined ? 'word' : 'string') : 'comment';
    found.push({ at: match.index, kind, text: match[0] });
    at = match.index + match[0].length;
  }
  return at < code.length ? [...found, { at, kind: 'rest', text: code.slice(at) }] : found;
}
