import { pythonArguments, type Values } from './quoting';
import { jobReports, type Report, type Subject } from './reports';
import type { Snippet } from './snippets';

const INDENT = '    ';

/** A job by the Python package: one piece, since a block is not copied in parts. */
export function packageSnippets(subject: Subject): Snippet[] {
  const groups = jobReports(subject).flatMap(({ title, reports }) => {
    const lines = reports.flatMap(reporting).map(line => `${INDENT}${line}`);
    return lines.length === 0 ? [] : [[`${INDENT}# ${title}`, ...lines].join('\n')];
  });
  const code = [
    `import milepost\n\nwith milepost.job(${opening(subject)}) as job:`,
    groups.join('\n\n'),
    `\n${INDENT}# Leaving the block completes the job; an exception that leaves it is reported, and raised as ever.`,
  ].join('\n');
  return [{ title: 'Report a job', code, syntax: 'python' }];
}

function opening({ address, tag, version, providerJobId }: Subject): string {
  return pythonArguments(tag, [['id', providerJobId], ...given('version', version), ['url', address]]);
}

/** The call of a report; none for the end, which is that of the block. */
function reporting({ kind, tag, fraction, text = '', metadata = [] }: Report): string[] {
  switch (kind) {
    case 'complete':
      return [];
    case 'step':
      return [`job.step(${pythonArguments(tag ?? '', metadata, INDENT)})`];
    default:
      return [
        `job.${kind}(${pythonArguments(text, [...given('step', tag), ...given('fraction', fraction)], INDENT)})`,
      ];
  }
}

function given(name: string, value: string | number | null | undefined): Values {
  return value == null ? [] : [[name, value]];
}
