import { expect, test } from 'vitest';
import { findPositions, rangeOf } from './positions';

const text = `{
  "tag": "kidney",
  "a/b~c": 1,
  "step_configurations": [
    {"tag": "left", "points": 5},
    {"points": [true, null, {}]}
  ]
}`;

/** The text that a pointer points at. */
function at(pointer: string): string {
  const { from, to } = rangeOf(findPositions(text), pointer);
  return text.slice(from, to);
}

test('every value is found by its pointer', () => {
  expect(at('/tag')).toBe('"kidney"');
  expect(at('/a~1b~0c')).toBe('1');
  expect(at('/step_configurations/0/points')).toBe('5');
  expect(at('/step_configurations/1/points/1')).toBe('null');
  expect(at('')).toBe(text);
});

test('what is missing is shown where it should be: at the beginning of its holder', () => {
  expect(rangeOf(findPositions(text), '/step_configurations/1/tag').from).toBe(text.indexOf('{"points": ['));
  expect(at('/version')).toBe('{');
});

test('a name twice is found at its repetition', () => {
  const twice = '{"tag": 1, "x": {"tag": 2}, "\\u0074ag": 3}';
  expect(findPositions(twice).repeated.map(({ from, to }) => twice.slice(from, to))).toEqual(['"\\u0074ag"']);
});

test('text that is no JSON is still searched, and told where it breaks', () => {
  const unfinished = '{"tag": "a", "points": , "name": "b"}';
  const positions = findPositions(unfinished);
  expect(positions.broken?.from).toBe(unfinished.indexOf(',', 12));
  expect(positions.values.get('/name')).toEqual({ from: 33, to: 36 });
  expect(findPositions('').broken).not.toBeNull();
  expect(findPositions(text).broken).toBeNull();
});
