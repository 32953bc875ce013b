import { expect, test } from 'vitest';
import {
  type Change,
  changeDraft,
  type Draft,
  documentOf,
  newStep,
  pointsValue,
  readDraft,
  shownValue,
} from './draft';

function draftOf(document: unknown): Draft {
  const draft = readDraft(document);
  if (typeof draft === 'string') {
    throw new Error(draft);
  }
  return draft;
}

const kidney = {
  tag: 'kidney',
  name: 'Kidney',
  version: '1.0.0',
  step_configurations: [
    {
      tag: 'left',
      name: 'Left',
      points: 5,
      metadata_configurations: [
        { name: 'Volume', kind: 'number', units: 'ml' },
        { name: 'Side', kind: 'text', units: null },
      ],
    },
    { tag: 'right', name: 'Right', points: 5, metadata_configurations: [] },
  ],
};

/** The keys of the draft's first step and its first field. */
function keys(draft: Draft): { step: number; key: number } {
  const [step] = draft.steps;
  return { step: step?.key ?? 0, key: step?.metadata[0]?.key ?? 0 };
}

test('what was read is written again as it was', () => {
  expect(documentOf(draftOf(kidney))).toEqual(kidney);
});

test('what does not fit is kept: wrong types, unknown fields, awkward names', () => {
  const odd = JSON.parse(
    '{"__proto__": 1, "tag": 5, "step_configurations": [{"points": "many", "colour": {"a": [1]}, "metadata_configurations": [{"units": 7, "__proto__": "x"}]}]}',
  );
  expect(JSON.stringify(documentOf(draftOf(odd)))).toBe(
    '{"tag":5,"__proto__":1,"step_configurations":[{"points":"many","colour":{"a":[1]},"metadata_configurations":[{"units":7,"__proto__":"x"}]}]}',
  );
});

test('what has no steps or metadata in the form of lists cannot be shown', () => {
  expect(readDraft([])).toMatch(/is an object/);
  expect(readDraft({ step_configurations: 'many' })).toMatch(/step_configurations must be a list/);
  expect(readDraft({ step_configurations: [5] })).toMatch(/step_configurations must be a list of objects/);
  expect(readDraft({ step_configurations: [{}, { metadata_configurations: {} }] })).toMatch(
    /of step 2 must be a list/,
  );
  expect(draftOf({ step_configurations: [{ metadata_configurations: null }] }).steps[0]?.metadata).toEqual([]);
});

test('each change changes what it names, and nothing else', () => {
  const draft = draftOf(kidney);
  const { step, key } = keys(draft);
  const after = (change: Change) => documentOf(changeDraft(draft, change)) as typeof kidney;
  expect(after({ type: 'set', field: 'name', value: 'N' })).toEqual({ ...kidney, name: 'N' });
  expect(after({ type: 'set', field: 'name', value: undefined })).not.toHaveProperty('name');
  expect(after({ type: 'set-step', step, field: 'points', value: 7 }).step_configurations.map(s => s.points)).toEqual(
    [7, 5],
  );
  expect(after({ type: 'remove-step', step }).step_configurations.map(s => s.tag)).toEqual(['right']);
  expect(after({ type: 'add-step', step: newStep() }).step_configurations).toHaveLength(3);
  const fields = (change: Change) => after(change).step_configurations[0]?.metadata_configurations.map(f => f.name);
  expect(fields({ type: 'add-field', step })).toEqual(['Volume', 'Side', '']);
  expect(fields({ type: 'remove-field', step, key })).toEqual(['Side']);
  expect(fields({ type: 'move-field', step, key, by: 1 })).toEqual(['Side', 'Volume']);
  expect(fields({ type: 'set-field', step, key, field: 'name', value: 'V' })).toEqual(['V', 'Side']);
});

test('steps move a place at a time and stop at the ends', () => {
  const draft = draftOf(kidney);
  const { step } = keys(draft);
  const tags = (by: -1 | 1) => changeDraft(draft, { type: 'move-step', step, by }).steps.map(s => s.values.tag);
  expect(tags(1)).toEqual(['right', 'left']);
  expect(tags(-1)).toEqual(['left', 'right']);
});

test('a step that did not change is the same object in the document', () => {
  const draft = draftOf(kidney);
  const steps = (of: Draft) => (documentOf(of) as typeof kidney).step_configurations;
  const changed = changeDraft(draft, { type: 'set-step', step: keys(draft).step, field: 'name', value: 'x' });
  expect(steps(changed)[0]).not.toBe(steps(draft)[0]);
  expect(steps(changed)[1]).toBe(steps(draft)[1]);
});

test('points are numbers where they can be', () => {
  expect(['12', ' 7 ', '-1', '1.5', '', '1e3', '007', 'many', '9007199254740993'].map(pointsValue)).toEqual([
    12,
    7,
    -1,
    1.5,
    undefined,
    '1e3',
    '007',
    'many',
    '9007199254740993',
  ]);
});

test('an input shows text as text and the rest as JSON', () => {
  expect(['a', 5, null, undefined, true, [1]].map(shownValue)).toEqual(['a', '5', '', '', 'true', '[1]']);
});
