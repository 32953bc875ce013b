import type { MetadataKind, NewStep } from '../../../api/types';
import { type Entries, jsonObject, pythonDict, pythonLiteral, type Scalar, shellWord } from './quoting';

/** What the snippets are filled with. */
export type Subject = {
  /** The server's API, as `https://milepost.example/api/v1`. */
  url: string;
  tag: string;
  /** Named when opening a job; null where the newest is meant, which needs no name. */
  version: string | null;
  providerJobId: string;
  steps: readonly NewStep[];
};

/** A piece that is copied alone, or with all others as one script. */
export type Snippet = { title: string; code: string };

export type Language = 'curl' | 'python';

/** A call: where to, and the fields of its body. */
type Call = { path: '/jobs' | '/events'; body: Entries };

export const EXAMPLE_VALUES: Record<MetadataKind, Scalar> = {
  number: 12.5,
  text: 'example',
  link: 'https://example.org/report.pdf',
};

/** The calls of one job from its beginning to its end, in groups. They can be sent one after another as they are. */
export function jobCalls({ tag, version, providerJobId, steps }: Subject): { title: string; calls: Call[] }[] {
  const id: Entries = [['provider_job_id', providerJobId]];
  const event = (...fields: Entries): Call => ({ path: '/events', body: [...id, ...fields] });
  const [first] = steps;
  const ofFirst: Entries = first === undefined ? [] : [['tag', first.tag]];
  const fraction: Entries = first === undefined ? [] : [['fraction', 0.5]];
  const job: Entries = [...id, ['tag', tag], ...(version === null ? [] : ([['version', version]] satisfies Entries))];
  const groups = [
    { title: 'Open a job', calls: [{ path: '/jobs' as const, body: job }] },
    {
      title: first === undefined ? 'Tell the news' : 'Tell how far a step is, from 0 to 1',
      calls: [event(['kind', 'info'], ...ofFirst, ...fraction, ['name', 'Half of it is done'])],
    },
    {
      title: 'Report what failed',
      calls: [event(['kind', 'error'], ...ofFirst, ['name', 'What failed, and what to do about it'])],
    },
    {
      title: steps.length === 1 ? 'Finish the step' : `Finish each of the ${steps.length} steps`,
      calls: steps.map(step => event(['kind', 'step'], ['tag', step.tag], ...metadataOf(step))),
    },
    { title: 'Complete the job', calls: [event(['kind', 'complete'])] },
  ];
  return groups.filter(({ calls }) => calls.length > 0);
}

function metadataOf(step: NewStep): Entries {
  const fields = step.metadata_configurations ?? [];
  const values: Entries = fields.map(({ name, kind }) => [name, EXAMPLE_VALUES[kind ?? 'text']]);
  return values.length > 0 ? [['event_metadata', values]] : [];
}

export function curlSnippets(subject: Subject): Snippet[] {
  return jobCalls(subject).map(({ title, calls }) => ({
    title,
    code: calls.map(call => curl(subject.url, call)).join('\n\n'),
  }));
}

function curl(url: string, { path, body }: Call): string {
  return [
    `curl --fail-with-body -sS ${shellWord(url + path)}`,
    `-H "Authorization: Bearer $MILEPOST_API_KEY"`,
    `-H 'Content-Type: application/json'`,
    `-d ${shellWord(jsonObject(body))}`,
  ].join(' \\\n  ');
}

export function pythonSnippets(subject: Subject): Snippet[] {
  const setUp = `import os

import requests

url = ${pythonLiteral(subject.url)}
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
  return [{ title: 'Set up', code: setUp }, ...groups];
}

/** All snippets as one script. */
export function script(snippets: readonly Snippet[]): string {
  return `${snippets.map(({ title, code }) => `# ${title}\n${code}`).join('\n\n')}\n`;
}
