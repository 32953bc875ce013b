import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { newCheck } from './check';
import { placeWords } from './places';

/** The server's schema as the OpenAPI document has it: what the server makes of it, see `configurations/schema.rs`. */
function serverSchema() {
  const text = readFileSync(new URL('../../../../../api/openapi.json', import.meta.url), 'utf8');
  const { schemas } = JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/')).components;
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', ...schemas.NewConfiguration, $defs: schemas };
}

const check = newCheck(serverSchema());

const step = { tag: 'left', name: 'Left', points: 5, metadata_configurations: [{ name: 'Volume', kind: 'number' }] };
const kidney = { tag: 'kidney', name: 'Kidney', version: '1.0.0', step_configurations: [step] };

/** The problems as they are listed. */
function told(document: unknown): string[] {
  return check(document).map(({ pointer, message }) => `${placeWords(document, pointer)}: ${message}`);
}

/** The problems of a step with these changes. */
function toldOfStep(changes: object): string[] {
  return told({ ...kidney, step_configurations: [{ ...step, ...changes }] });
}

test('what the server takes has no problems', () => {
  expect(told(kidney)).toEqual([]);
  expect(told({ ...kidney, $schema: 'x', step_configurations: [] })).toEqual([]);
  expect(toldOfStep({ points: 0, metadata_configurations: null })).toEqual([]);
  expect(toldOfStep({ metadata_configurations: [{ name: 'a', kind: null, units: null }] })).toEqual([]);
  expect(toldOfStep({ name: '😀'.repeat(200) })).toEqual([]);
});

test('each value that does not fit is told once, with its place', () => {
  expect(told({ ...kidney, tag: 'a b' })).toEqual(['Tag: May have letters, digits and . _ - only, has “ ”.']);
  expect(told({ ...kidney, tag: '' })).toEqual(['Tag: Must not be empty.']);
  expect(told({ ...kidney, name: 'x'.repeat(201) })).toEqual(['Name: Must have at most 200 characters, has 201.']);
  expect(told({ ...kidney, version: '1.0' })).toEqual(['Version: Must have a form such as 1.4.0.']);
  expect(told({ ...kidney, version: '99999999999999999999.0.0' })).toEqual([
    'Version: Its numbers must be below 2⁶⁴.',
  ]);
  expect(toldOfStep({ points: 'many' })).toEqual(['Step 1 “left”: points: Must be a whole number.']);
  expect(toldOfStep({ points: 1.5 })).toEqual(['Step 1 “left”: points: Must be a whole number.']);
  expect(toldOfStep({ points: -1 })).toEqual(['Step 1 “left”: points: Must be from 0 to 1,000,000.']);
  expect(toldOfStep({ metadata_configurations: [{ name: 'V', kind: 'colour' }] })).toEqual([
    'Step 1 “left”, field 1 “V”: kind: Must be one of text, number, link.',
  ]);
  expect(toldOfStep({ metadata_configurations: [{ name: 'V', units: 7 }] })).toEqual([
    'Step 1 “left”, field 1 “V”: units: Must be text.',
  ]);
});

test('all that is missing and all that is not known is told', () => {
  expect(told({ colour: 'red', step_configurations: [{ size: 1, 'a/b': 2 }] })).toEqual([
    'Tag: Is missing.',
    'Name: Is missing.',
    'Version: Is missing.',
    'Colour: “colour” is no field here.',
    'Step 1: tag: Is missing.',
    'Step 1: name: Is missing.',
    'Step 1: points: Is missing.',
    'Step 1: size: “size” is no field here.',
    'Step 1: a/b: “a/b” is no field here.',
  ]);
});

test('what is of another shape altogether is told', () => {
  expect(told([])).toEqual(['The whole: Must be an object.']);
  expect(told({ ...kidney, step_configurations: 'many' })).toEqual(['Steps: Must be a list.']);
  expect(told({ ...kidney, step_configurations: [5] })).toEqual(['Step 1: Must be an object.']);
  expect(toldOfStep({ metadata_configurations: 5 })).toEqual(['Step 1 “left”: metadata: Must be a list.']);
});

test('too many entries are told', () => {
  const steps = Array.from({ length: 501 }, (_, index) => ({ ...step, tag: `s${index}` }));
  expect(told({ ...kidney, step_configurations: steps })).toEqual(['Steps: Must have at most 500 entries, has 501.']);
  const fields = Array.from({ length: 101 }, (_, index) => ({ name: `f${index}` }));
  expect(toldOfStep({ metadata_configurations: fields })).toEqual([
    'Step 1 “left”: metadata: Must have at most 100 entries, has 101.',
  ]);
});

test('a tag or name twice is told at the later one', () => {
  expect(told({ ...kidney, step_configurations: [step, { ...step, tag: 'right' }, step] })).toEqual([
    'Step 3 “left”: tag: Is the tag of step 1 already.',
  ]);
  expect(toldOfStep({ metadata_configurations: [{ name: 'V' }, { name: 'W' }, { name: 'V' }] })).toEqual([
    'Step 1 “left”, field 3 “V”: name: Is the name of field 1 of this step already.',
  ]);
});
