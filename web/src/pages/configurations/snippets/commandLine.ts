import { shellArgument } from './quoting';
import { jobReports, type Report, type Subject } from './reports';
import type { Snippet } from './snippets';

/** A job by `milepost job` and `milepost event`, for scripts of the shell and programs in any language. */
export function commandLineSnippets(subject: Subject): Snippet[] {
  const { address, tag, version, providerJobId } = subject;
  const setUp = [
    `export MILEPOST_URL=${shellArgument(address)}`,
    `export MILEPOST_JOB=${shellArgument(providerJobId)}`,
  ].join('\n');
  const open = command('job open', [option('config', tag), ...(version ? [option('config-version', version)] : [])]);
  const groups = jobReports(subject).map(({ title, reports }) => ({ title, code: reports.map(event).join('\n') }));
  return [{ title: 'Set up', code: setUp }, { title: 'Open a job', code: open }, ...groups].map(piece => ({
    ...piece,
    syntax: 'shell',
  }));
}

function event({ kind, tag, fraction, text, metadata = [] }: Report): string {
  const isAbout = kind === 'step' ? [] : [tag].flatMap(step => (step === undefined ? [] : [option('step', step)]));
  const options = [...isAbout, ...(fraction === undefined ? [] : [option('fraction', String(fraction))])];
  const told = [kind === 'step' ? tag : text].flatMap(word => (word === undefined ? [] : [word]));
  // The first = ends a name: one that holds it cannot be told so.
  const measured = metadata.filter(([name]) => !name.includes('=')).map(([name, value]) => `${name}=${value}`);
  const words = [...told, ...measured];
  // What begins like an option is none behind --.
  const isPlain = words.every(word => !word.startsWith('-'));
  const line = command(`event ${kind}`, [...options, ...(isPlain ? [] : ['--']), ...words.map(shellArgument)]);
  return measured.length < metadata.length ? `# Names with = in them are for the other languages\n${line}` : line;
}

/** `--name value`, in one word where the value would look like an option itself. */
export function option(name: string, value: string): string {
  return `--${name}${value.startsWith('-') ? '=' : ' '}${shellArgument(value)}`;
}

/** A command of `milepost`, over several lines where one would be too long. */
export function command(name: string, words: string[]): string {
  const line = ['milepost', name, ...words].join(' ');
  return line.length <= 100 ? line : [`milepost ${name}`, ...words].join(' \\\n  ');
}
