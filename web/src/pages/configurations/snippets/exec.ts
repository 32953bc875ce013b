import type { NewMetadata, NewStep } from '../../../api/types';
import { command, option } from './commandLine';
import { IDENTIFIER, shellWord, tomlString } from './quoting';
import { EXAMPLE_VALUES, type Subject } from './reports';
import type { Snippet } from './snippets';

/** A job by `milepost exec`: a program that stays as it is, and what its lines mean. */
export function execSnippets({ address, tag, version, providerJobId, steps }: Subject): Snippet[] {
  const run = command('exec', [
    option('url', address),
    option('config', tag),
    ...(version === null ? [] : [option('config-version', version)]),
    option('id', providerJobId),
    '--rules rules.toml',
    '-- sh run.sh',
  ]);
  return [
    {
      title: 'rules.toml: what lines of the program mean',
      code: [...RULES, ...steps.map(rule)].join('\n\n'),
      syntax: 'toml',
    },
    { title: 'run.sh: an example, for your own program', code: program(steps), syntax: 'shell' },
    { title: 'Run it', code: run, syntax: 'shell' },
  ];
}

const RULES = [
  '# A line goes to the first rule that matches. What matches no rule means nothing.',
  `[[rule]]
name = "how far a step is"
match = '^(?<step>\\S+): (?<fraction>[0-9.]+ ?%)'`,
  `[[rule]]
name = "what failed"
match = '^ERROR: (?<text>.+)'
event = "error"`,
];

const VALUES = { number: '[-+.0-9e]+', text: '.+', link: 'https?://\\S+' };

/** What a group may be called that is a value of this name: neither what means something else nor what we call others. */
const RESERVED = /^(fraction|percent|step|text|value_\d+)$/;

function rule(step: NewStep): string {
  const groups = (step.metadata_configurations ?? []).map((field, index) => group(field, index + 1));
  const [tag, values] = [step.tag.replaceAll('.', '\\.'), groups.map(({ pattern }) => `, ${pattern}`).join('')];
  const lines = [
    '[[rule]]',
    `name = ${tomlString(step.name)}`,
    `match = '^${tag}: done${values}$'`,
    'event = "step"',
    `step = "${step.tag}"`,
  ];
  const named = groups.flatMap(({ metadata }) => metadata ?? []);
  return [...lines, ...(named.length > 0 ? ['[rule.metadata]', ...named] : [])].join('\n');
}

/** What finds a value in a line, and what gives it its name where the group's own is none. */
function group({ name, kind }: NewMetadata, place: number): { pattern: string; metadata: string | null } {
  const sort = kind ?? 'text';
  if (sort !== 'text' && IDENTIFIER.test(name) && !RESERVED.test(name)) {
    return { pattern: `(?<${name}>${VALUES[sort]})`, metadata: null };
  }
  // In quotes even what looks like a number is text.
  const value = sort === 'text' ? `'"$value_${place}"'` : `"$value_${place}"`;
  return { pattern: `(?<value_${place}>${VALUES[sort]})`, metadata: `${tomlString(name)} = ${value}` };
}

function program(steps: readonly NewStep[]): string {
  const [first] = steps;
  const lines = [
    ...(first === undefined ? [] : [`${first.tag}: 50 %`]),
    'ERROR: What failed, and what to do about it',
    ...steps.map(({ tag, metadata_configurations: fields }) =>
      [`${tag}: done`, ...(fields ?? []).map(({ kind }) => EXAMPLE_VALUES[kind ?? 'text'])].join(', '),
    ),
  ];
  return lines.map(line => `echo ${shellWord(line)}`).join('\n');
}
