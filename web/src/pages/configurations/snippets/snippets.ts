import { commandLineSnippets } from './commandLine';
import { execSnippets } from './exec';
import { packageSnippets } from './pythonPackage';
import { type Entries, jsonObject, pythonDict, pythonLiteral, shellWord } from './quoting';
import { jobReports, type Report, type Subject } from './reports';

/** What a piece of code is written in. */
export type Syntax = 'shell' | 'python' | 'toml';

/** A piece that is copied alone, or with all others as one script. */
export type Snippet = { title: string; code: string; syntax: Syntax };

export type Language = 'curl' | 'requests' | 'package' | 'shell' | 'exec';

/** A way to report. */
type Way = {
  label: string;
  /** What to do with the pieces, and what they need; code is between backticks. */
  lead: string;
  /** Whether the pieces make one script. */
  isScript: boolean;
  snippets: (subject: Subject) => Snippet[];
};

const AS_THEY_ARE = 'They run as they are, from top to bottom. Put your own values in the place of the examples.';
const KEY = 'A write key is taken from `MILEPOST_API_KEY`';
const KEY_OR_LOGIN = `${KEY}, or is the one that \`milepost login\` keeps.`;
const PROGRAM = 'the program `milepost`, the same that serves this page';

/** In the order of the choice. */
export const WAYS: Record<Language, Way> = {
  curl: { label: 'curl', lead: `${AS_THEY_ARE} ${KEY}.`, isScript: true, snippets: curlSnippets },
  requests: {
    label: 'Python requests',
    lead: `${AS_THEY_ARE} They need \`pip install requests\`. ${KEY}.`,
    isScript: true,
    snippets: requestsSnippets,
  },
  package: {
    label: 'Python package',
    lead:
      'It runs as it is. Put your own values in the place of the examples. It needs `pip install ./python` in the source ' +
      `code of Milepost. ${KEY_OR_LOGIN}`,
    isScript: false,
    snippets: packageSnippets,
  },
  shell: {
    label: 'Command line',
    lead: `${AS_THEY_ARE} They need ${PROGRAM}. ${KEY_OR_LOGIN}`,
    isScript: true,
    snippets: commandLineSnippets,
  },
  exec: {
    label: 'Unchanged program',
    lead:
      'Save the rules and the example under their names, and run it; then put your own program and its lines in their ' +
      `place. It needs ${PROGRAM}. ${KEY_OR_LOGIN}`,
    isScript: false,
    snippets: execSnippets,
  },
};

/** A call: where to, and the fields of its body. */
type Call = { path: '/jobs' | '/events'; body: Entries };

/** The calls of one job from its beginning to its end, in groups. They can be sent one after another as they are. */
export function jobCalls(subject: Subject): { title: string; calls: Call[] }[] {
  const { tag, version, providerJobId } = subject;
  const id: Entries = [['provider_job_id', providerJobId]];
  const job: Entries = [...id, ['tag', tag], ...(version === null ? [] : ([['version', version]] satisfies Entries))];
  const reporting = jobReports(subject).map(({ title, reports }) => ({
    title,
    calls: reports.map((report): Call => ({ path: '/events', body: [...id, ...fieldsOf(report)] })),
  }));
  return [{ title: 'Open a job', calls: [{ path: '/jobs', body: job }] }, ...reporting];
}

function fieldsOf({ kind, tag, fraction, text, metadata = [] }: Report): Entries {
  const fields: [string, string | number | Entries | undefined][] = [
    ['kind', kind],
    ['tag', tag],
    ['fraction', fraction],
    ['name', text],
    ['event_metadata', metadata.length > 0 ? metadata : undefined],
  ];
  return fields.flatMap(([name, value]): Entries => (value === undefined ? [] : [[name, value]]));
}

export function curlSnippets(subject: Subject): Snippet[] {
  return jobCalls(subject).map(({ title, calls }) => ({
    title,
    code: calls.map(call => curl(subject.address, call)).join('\n\n'),
    syntax: 'shell',
  }));
}

function curl(address: string, { path, body }: Call): string {
  return [
    `curl --fail-with-body -sS ${shellWord(`${address}/api/v1${path}`)}`,
    `-H "Authorization: Bearer $MILEPOST_API_KEY"`,
    `-H 'Content-Type: application/json'`,
    `-d ${shellWord(jsonObject(body))}`,
  ].join(' \\\n  ');
}

export function requestsSnippets(subject: Subject): Snippet[] {
  const setUp = `import os

import requests

url = ${pythonLiteral(`${subject.address}/api/v1`)}
session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['MILEPOST_API_KEY']}"


def post(path, body):
    answer = session.post(url + path, json=body, timeout=30)
    if not answer.ok:
        raise SystemExit(answer.text)
    return answer.json()`;
  const groups = jobCalls(subject).map(({ title, calls }) => ({
    title,
    code: calls.map(({ path, body }) => `post("${path}", ${pythonDict(body)})`).join('\n'),
  }));
  return [{ title: 'Set up', code: setUp }, ...groups].map(piece => ({ ...piece, syntax: 'python' }));
}

/** All snippets as one script. */
export function script(snippets: readonly Snippet[]): string {
  return `${snippets.map(({ title, code }) => `# ${title}\n${code}`).join('\n\n')}\n`;
}
