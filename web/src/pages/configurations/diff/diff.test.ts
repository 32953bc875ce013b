import { expect, test } from 'vitest';
import type { NewMetadata, NewStep } from '../../../api/types';
import { type Comparable, diffConfigurations, longestRun } from './diff';
import { stepChanges, summarise } from './words';

const volume: NewMetadata = { name: 'Volume', kind: 'number', units: 'ml' };

function step(tag: string, points = 10, metadata: NewMetadata[] = []): NewStep {
  return { tag, name: `Step ${tag}`, points, metadata_configurations: metadata };
}

function configuration(...steps: NewStep[]): Comparable {
  return { name: 'Kidney', step_configurations: steps };
}

/** The diff as somebody reads it: a line for each step that is not the same. */
function told(before: Comparable, after: Comparable): string[] {
  return diffConfigurations(before, after)
    .steps.filter(({ kind }) => kind !== 'same')
    .map(diff => [diff.kind, diff.after?.step.tag ?? diff.before?.step.tag, ...stepChanges(diff)].join(' | '));
}

test('the same is the same, however absent values are written', () => {
  const before = configuration({ ...step('a'), metadata_configurations: [{ name: 'x' }] }, step('b'));
  const after = configuration(
    { ...step('a'), metadata_configurations: [{ name: 'x', kind: 'text', units: null }] },
    { ...step('b'), metadata_configurations: null },
  );
  const diff = diffConfigurations(before, after);
  expect(diff.isSame).toBe(true);
  expect(summarise(diff)).toBe('No difference');
});

test('steps are added and removed where they stand', () => {
  const before = configuration(step('a'), step('b'), step('c'));
  const after = configuration(step('a'), step('c'), step('d'));
  expect(
    diffConfigurations(before, after).steps.map(({ kind, before, after }) => [kind, (after ?? before)?.step.tag]),
  ).toEqual([
    ['same', 'a'],
    ['removed', 'b'],
    ['same', 'c'],
    ['added', 'd'],
  ]);
});

test('what was removed from the beginning stays at the beginning', () => {
  const diff = diffConfigurations(configuration(step('a'), step('b'), step('c')), configuration(step('c')));
  expect(diff.steps.map(({ before }) => before?.step.tag)).toEqual(['a', 'b', 'c']);
});

test('only what was taken elsewhere has moved, not all that it passed', () => {
  expect(
    told(
      configuration(step('a'), step('b'), step('c'), step('d')),
      configuration(step('d'), step('a'), step('b'), step('c')),
    ),
  ).toEqual(['moved | d | Moved from place 4 to 1']);
});

test('an addition before it does not move a step', () => {
  expect(told(configuration(step('a'), step('b')), configuration(step('new'), step('a'), step('b')))).toEqual([
    'added | new',
  ]);
});

test('points are told with what share becomes of them', () => {
  expect(told(configuration(step('a', 10), step('b', 30)), configuration(step('a', 30), step('b', 30)))).toEqual([
    'changed | a | Points 10 → 30 (25 % → 50 % of the job)',
  ]);
});

test('a new name and a new tag are told as such', () => {
  expect(told(configuration(step('a')), configuration({ ...step('a'), name: 'Left kidney' }))).toEqual([
    'changed | a | Renamed from “Step a” to “Left kidney”',
  ]);
  expect(told(configuration(step('a')), configuration({ ...step('a'), tag: 'left' }))).toEqual([
    'changed | left | Tag is now “left”, was “a”: events must use the new one',
  ]);
});

test('a new tag is not guessed where it could be several', () => {
  const twin = (tag: string) => ({ ...step(tag), name: 'Twin' });
  expect(told(configuration(twin('a'), twin('b')), configuration(twin('c')))).toEqual([
    'removed | a',
    'removed | b',
    'added | c',
  ]);
});

test('metadata is added, removed, changed and moved by its name', () => {
  const text: NewMetadata = { name: 'Side', kind: 'text', units: null };
  const before = configuration(step('a', 1, [volume, text, { name: 'Report', kind: 'link' }]));
  const after = configuration(
    step('a', 1, [
      { name: 'Volume', kind: 'text', units: 'l' },
      text,
      { name: 'Depth', kind: 'number', units: 'mm' },
    ]),
  );
  expect(told(before, after)).toEqual([
    'changed | a | Metadata “Volume”: kind number → text, units ml → l | Metadata “Depth” added: number in mm | Metadata “Report” removed: was link',
  ]);
  const depth: NewMetadata = { name: 'Depth', kind: 'number', units: 'mm' };
  const moved = configuration(step('a', 1, [text, depth, volume]));
  expect(told(configuration(step('a', 1, [volume, text, depth])), moved)).toEqual([
    'changed | a | Metadata “Volume” moved',
  ]);
});

test('the summary counts', () => {
  const diff = diffConfigurations(configuration(step('a', 40), step('b', 60)), {
    ...configuration(step('a', 60), step('c', 60)),
    name: 'Kidneys',
  });
  expect(summarise(diff)).toBe('1 step added, 1 removed, 1 changed; renamed; total 100 → 120 points');
});

test('the longest run keeps as much as it can', () => {
  expect(longestRun([])).toEqual([]);
  expect(longestRun([3, 1, 2])).toEqual([1, 2]);
  expect(longestRun([2, 5, 3, 7, 4, 6])).toEqual([2, 3, 4, 6]);
});
