import type { Syntax } from './snippets';

export type Token = { at: number; kind: 'string' | 'word' | 'rest'; text: string };

/** Above this length colours cost more than they help. */
const MOST_COLOURED = 20_000;

const STRINGS = /"(?:[^"\\\n]|\\.)*"/.source;
const PATTERNS: Record<Syntax, RegExp> = {
  shell: new RegExp(`(${STRINGS})|(\\b(?:curl|echo|export|milepost)\\b| -{1,2}[a-zA-Z][a-zA-Z-]*)`, 'g'),
  python: new RegExp(`(${STRINGS})|\\b(import|def|if|not|raise|return|with|as)\\b`, 'g'),
  toml: new RegExp(`(${STRINGS}|'[^'\\n]*')|^(\\[.*\\])$`, 'gm'),
};

/** The code in parts to be coloured: strings, and the words of the language. Together they are the code. */
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
    found.push({ at: match.index, kind: match[1] === undefined ? 'word' : 'string', text: match[0] });
    at = match.index + match[0].length;
  }
  return at < code.length ? [...found, { at, kind: 'rest', text: code.slice(at) }] : found;
}
