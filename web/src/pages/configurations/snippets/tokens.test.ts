import { expect, test } from 'vitest';
import { tokens } from './tokens';

test('strings and words are told apart, and nothing is lost', () => {
  const code = `curl -sS 'http://x' \\\n  -H "A: $B" -d '{"a \\" b": "curl -x", "n": 1}'`;
  const parts = tokens(code, 'shell');
  expect(parts.map(({ text }) => text).join('')).toBe(code);
  const of = (kind: string) => parts.filter(part => part.kind === kind).map(({ text }) => text.trim());
  expect(of('string')).toEqual(['"A: $B"', '"a \\" b"', '"curl -x"', '"n"']);
  expect(of('word')).toEqual(['curl', '-sS', '-H', '-d']);
});

test('Python has other words', () => {
  const parts = tokens('if not a:\n    raise B("if")', 'python');
  expect(parts.filter(({ kind }) => kind === 'word').map(({ text }) => text)).toEqual(['if', 'not', 'raise']);
});

test('what is long stays plain', () => {
  expect(tokens('"a" '.repeat(10_000), 'shell')).toHaveLength(1);
});

test('TOML has tables and two kinds of strings', () => {
  const parts = tokens(`[[rule]]\nmatch = '^a"b'\nname = "c"\n[rule.metadata]`, 'toml');
  const of = (kind: string) => parts.filter(part => part.kind === kind).map(({ text }) => text);
  expect(of('word')).toEqual(['[[rule]]', '[rule.metadata]']);
  expect(of('string')).toEqual([`'^a"b'`, '"c"']);
});

test('in a comment nothing is told apart', () => {
  const parts = tokens('with a as b:\n    # as "ever" with\n    c("#", \'d\')', 'python');
  expect(parts.filter(({ kind }) => kind !== 'rest').map(({ kind, text }) => [kind, text])).toEqual([
    ['word', 'with'],
    ['word', 'as'],
    ['comment', '    # as "ever" with'],
    ['string', '"#"'],
  ]);
});
