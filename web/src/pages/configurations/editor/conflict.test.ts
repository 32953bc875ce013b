import { expect, test } from 'vitest';
import { differenceWords, withVersion } from './conflict';

test('each kind of difference is told in words', () => {
  const told = (pointer: string, registered: unknown, sent: unknown) =>
    differenceWords({ pointer, registered, sent });
  expect(told('/name', 'Kidney', 'Kidneys')).toBe('Name is registered as “Kidney”, here “Kidneys”');
  expect(told('/step_configurations/left/points', 5, 6)).toBe('Step “left”: points is registered as 5, here 6');
  expect(told('/step_configurations/left', { tag: 'left' }, null)).toBe(
    'Step “left” is registered, and missing here',
  );
  expect(told('/step_configurations/left', null, { tag: 'left' })).toBe('Step “left” is not registered');
  expect(told('/step_configurations', ['a', 'b'], ['b', 'a'])).toBe(
    'Steps are registered in another order: a, b; here b, a',
  );
  expect(told('/step_configurations/left/metadata_configurations/a~1b/units', null, 'ml')).toBe(
    'Step “left”, metadata “a/b”: units is registered as none, here “ml”',
  );
  expect(told('/step_configurations/left/metadata_configurations/V', null, {})).toBe(
    'Step “left”, metadata “V” is not registered',
  );
  expect(told('/step_configurations/left/metadata_configurations', ['V', 'W'], ['W', 'V'])).toBe(
    'Step “left” has its metadata registered in another order: V, W; here W, V',
  );
});

test('another version leaves the rest of the text as it was', () => {
  const text = '{\n\t"name": "\\"version\\": \\"0\\"",  "version" : "1.0.0"}';
  expect(withVersion(text, '1.1.0')).toBe('{\n\t"name": "\\"version\\": \\"0\\"",  "version" : "1.1.0"}');
  expect(withVersion('{"version": "a\\"b"}', '$1')).toBe('{"version": "$1"}');
});
