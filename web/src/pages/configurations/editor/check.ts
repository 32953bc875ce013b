import { type Schema, Validator } from '@cfworker/json-schema';
import { parseVersion } from '../semver';

/** What is wrong with a document, and where: a JSON pointer, as the server has them. */
export type Problem = { pointer: string; message: string };

type Check = (document: unknown) => Problem[];

/**
 * A check of documents by the server's schema and by what a schema cannot say. Steps are checked one by one, each object
 * once: of hundreds of steps only the one that changes costs time.
 */
export function newCheck(schema: Schema): Check {
  const steps = schema.properties?.step_configurations;
  const rules = typeof steps === 'object' ? steps : {};
  const checkWhole = schemaCheck({
    ...schema,
    properties: { ...schema.properties, step_configurations: { ...rules, items: true } },
  });
  const checkStep = schemaCheck({
    ...(rules.items as Schema),
    $schema: schema.$schema as string,
    $defs: schema.$defs,
  });
  const known = new WeakMap<object, Problem[]>();
  const checkStepOnce = (step: unknown) => {
    const check = () => [...checkStep(step), ...repeatedNames(step)];
    if (typeof step !== 'object' || step === null) {
      return check();
    }
    const problems = known.get(step) ?? check();
    known.set(step, problems);
    return problems;
  };
  return document => [
    ...checkWhole(document),
    ...versionProblems(document),
    ...repeatedTags(document),
    ...listAt(document, 'step_configurations').flatMap((step, index) => {
      const place = `/step_configurations/${index}`;
      return checkStepOnce(step).map(({ pointer, message }) => ({ pointer: place + pointer, message }));
    }),
  ];
}

/** What the schema says, in words. */
function schemaCheck(schema: Schema): Check {
  // The validator marks the schema it is given.
  const validator = new Validator(structuredClone(schema), '2020-12', false);
  return document => {
    const problems = new Map<string, Problem>();
    for (const { keyword, keywordLocation, instanceLocation } of validator.validate(document).errors) {
      const pointer = decodeURI(instanceLocation.slice(1));
      const holder = holderOf(schema, keywordLocation);
      for (const { at = '', message } of holder ? describe(keyword, holder, valueAt(document, pointer)) : []) {
        problems.set(`${pointer}${at} ${message}`, { pointer: pointer + at, message });
      }
    }
    return [...problems.values()];
  };
}

/** The part of the schema that holds the rule at `#/properties/tag/$ref/pattern`. */
function holderOf(schema: Schema, location: string): Schema | null {
  const names = location
    .split('/')
    .slice(1, -1)
    .map(name => unescapePointer(decodeURI(name)));
  let holder: unknown = schema;
  for (const name of names) {
    const next: unknown = (holder as Schema | undefined)?.[name];
    holder = name === '$ref' ? valueAt(schema, String(next).slice(1)) : next;
  }
  return (holder as Schema | undefined) ?? null;
}

const TYPES: Record<string, string> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  array: 'a list',
  object: 'an object',
  boolean: 'true or false',
};

/** A broken rule in words, each with the member it is about, if it is about one. */
function describe(keyword: string, rules: Schema, value: unknown): { at?: string; message: string }[] {
  switch (keyword) {
    case 'required':
      return (rules.required ?? [])
        .filter(name => !Object.hasOwn(Object(value), name))
        .map(name => ({ at: `/${escapePointer(name)}`, message: 'Is missing.' }));
    case 'additionalProperties':
      return Object.keys(Object(value))
        .filter(name => !Object.hasOwn(rules.properties ?? {}, name))
        .map(name => ({ at: `/${escapePointer(name)}`, message: `“${name}” is no field here.` }));
    case 'type': {
      const types = [rules.type ?? []].flat().filter(type => type !== 'null');
      return types.length === 0 ? [] : [{ message: `Must be ${types.map(type => TYPES[type]).join(' or ')}.` }];
    }
    case 'enum':
      return [{ message: `Must be one of ${(rules.enum ?? []).join(', ')}.` }];
    case 'minLength':
      return [{ message: 'Must not be empty.' }];
    case 'maxLength':
      return [{ message: `Must have at most ${rules.maxLength} characters, has ${[...String(value)].length}.` }];
    case 'minItems':
    case 'maxItems':
      return [{ message: `Must have at most ${rules.maxItems} entries, has ${(value as unknown[]).length}.` }];
    case 'minimum':
    case 'maximum':
      return [{ message: `Must be from ${rules.minimum} to ${rules.maximum?.toLocaleString('en')}.` }];
    case 'pattern':
      return value === '' ? [{ message: 'Must not be empty.' }] : [{ message: patternMessage(rules, String(value)) }];
    default:
      return [];
  }
}

/** What is wrong with text that has not the form it should: the first character that may not be there, if that is it. */
function patternMessage({ pattern = '', example }: Schema, value: string): string {
  const isOfCharacters = /^\^\[[^\]]+\]\+\$$/.test(pattern);
  if (!isOfCharacters) {
    return example === undefined ? 'Has not the form it should.' : `Must have a form such as ${example}.`;
  }
  const allowed = new RegExp(pattern);
  const stranger = [...value].find(character => !allowed.test(character));
  return `May have letters, digits and . _ - only, has “${stranger}”.`;
}

/** Numbers of a version that are too great for the server. */
function versionProblems(document: unknown): Problem[] {
  const version = valueAt(document, '/version');
  const isTooGreat = typeof version === 'string' && /^\d+\.\d+\.\d+/.test(version) && parseVersion(version) === null;
  return isTooGreat && /\d{20}/.test(version)
    ? [{ pointer: '/version', message: 'Its numbers must be below 2⁶⁴.' }]
    : [];
}

function repeatedTags(document: unknown): Problem[] {
  return repeated(listAt(document, 'step_configurations'), 'tag').map(({ index, first }) => ({
    pointer: `/step_configurations/${index}/tag`,
    message: `Is the tag of step ${first + 1} already.`,
  }));
}

function repeatedNames(step: unknown): Problem[] {
  return repeated(listAt(step, 'metadata_configurations'), 'name').map(({ index, first }) => ({
    pointer: `/metadata_configurations/${index}/name`,
    message: `Is the name of field ${first + 1} of this step already.`,
  }));
}

/** The entries whose text under that name an earlier entry has. Empty texts are complained of anyway. */
function repeated(list: readonly unknown[], name: string): { index: number; first: number }[] {
  const seen = new Map<string, number>();
  return list.flatMap((entry, index) => {
    const text = valueAt(entry, `/${name}`);
    if (typeof text !== 'string' || text === '') {
      return [];
    }
    const first = seen.get(text);
    if (first === undefined) {
      seen.set(text, index);
      return [];
    }
    return [{ index, first }];
  });
}

function listAt(holder: unknown, name: string): readonly unknown[] {
  const list = valueAt(holder, `/${name}`);
  return Array.isArray(list) ? list : [];
}

/** The value at a JSON pointer; undefined if there is none. */
export function valueAt(document: unknown, pointer: string): unknown {
  let value = document;
  for (const name of pointer.split('/').slice(1).map(unescapePointer)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) {
      return undefined;
    }
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** A name as a part of a JSON pointer, and back. */
export function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

export function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}
