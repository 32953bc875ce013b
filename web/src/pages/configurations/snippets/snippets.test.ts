import { execFile, spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { NewStep } from '../../../api/types';
import { jsonObject, pythonDict, pythonLiteral, shellWord } from './quoting';
import { curlSnippets, EXAMPLE_VALUES, jobCalls, pythonSnippets, type Subject, script } from './snippets';

const run = promisify(execFile);

/** Names that somebody may well give, and those that somebody gives who means harm. */
const NAMES = [
  'plain',
  "Ada's kidney",
  'the "left" one',
  'back\\slash and \\n and \\',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a shell that must not fill it in
  '$HOME ${HOME} $(echo no) `echo no`',
  '!! !echo %PATH% %s {x} {{x}} f"{x}"',
  "''' \"\"\" '\\'' \\'",
  '日本語 Größe µm² 😀 e\u0301',
  'line\nbreak\ttab\rreturn',
  '\u0001\u001b[31mred\u007f\u0085',
  '\u202eright to left\u202c \u200bzero\u2028line',
  '</script><script>alert(1)</script> <!-- # comment',
  '@/etc/passwd',
  '-rf',
  '__proto__',
  ' ',
];

test('the shell takes every word as it is', async () => {
  for (const name of NAMES) {
    const { stdout } = await run('bash', ['-c', `printf %s ${shellWord(name)}`]);
    expect(stdout).toBe(name);
  }
});

test('Python takes every literal as it is', async () => {
  const values = [...NAMES, 12.5, -3, 1e21, true, false, null];
  const { stdout } = await run('python3', [
    '-c',
    `import json\nprint(json.dumps([${values.map(pythonLiteral).join(',')}]))`,
  ]);
  expect(JSON.parse(stdout)).toEqual(values);
});

test('JSON and a Python dict keep any name', async () => {
  const entries = NAMES.map((name): [string, string] => [name, name]);
  const expected = Object.fromEntries(entries);
  expect(JSON.parse(jsonObject(entries))).toEqual(expected);
  const { stdout } = await run('python3', ['-c', `import json\nprint(json.dumps(${pythonDict(entries)}))`]);
  expect(JSON.parse(stdout)).toEqual(expected);
});

test('what is not seen is written out', () => {
  const hidden = '\u202eabc\u200b\u2028\u007f';
  for (const text of [jsonObject([[hidden, hidden]]), pythonLiteral(hidden)]) {
    expect(text).toMatch(/^[\x20-\x7e]+$/);
  }
});

const steps: NewStep[] = NAMES.map((name, index) => ({
  tag: `step.${index}_-`,
  name,
  points: index,
  metadata_configurations: [
    { name, kind: 'text' },
    { name: `${name}, number`, kind: 'number', units: name },
    { name: `${name}, link`, kind: 'link' },
    { name: `${name}, nothing said`, kind: null },
  ],
}));

function subject(url: string, changes: Partial<Subject> = {}): Subject {
  return { url, tag: 'kidney', version: '1.0.0+b', providerJobId: `Ada's $HOME "\\ 😀`, steps, ...changes };
}

/** What arrives at a server while something is run. */
async function arrivals(
  act: (url: string) => Promise<unknown>,
): Promise<{ path: string; key: string; body: unknown }[]> {
  const arrived: { path: string; key: string; body: unknown }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', chunk => chunks.push(chunk));
    request.on('end', () => {
      const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
      arrived.push({ path: request.url ?? '', key: request.headers.authorization ?? '', body });
      response.writeHead(201, { 'Content-Type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  try {
    await act(`http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1`);
  } finally {
    server.close();
  }
  return arrived;
}

/** The calls as they must arrive, built by other means than the snippets: plain objects. */
function expected() {
  const provider_job_id = `Ada's $HOME "\\ 😀`;
  const metadata = (step: NewStep) =>
    Object.fromEntries(
      (step.metadata_configurations ?? []).map(({ name, kind }) => [name, EXAMPLE_VALUES[kind ?? 'text']]),
    );
  const events = [
    { kind: 'info', tag: 'step.0_-', fraction: 0.5, name: 'Half of it is done' },
    { kind: 'error', tag: 'step.0_-', name: 'What failed, and what to do about it' },
    ...steps.map(step => ({ kind: 'step', tag: step.tag, event_metadata: metadata(step) })),
    { kind: 'complete' },
  ];
  return [
    { path: '/api/v1/jobs', body: { provider_job_id, tag: 'kidney', version: '1.0.0+b' } },
    ...events.map(event => ({ path: '/api/v1/events', body: { provider_job_id, ...event } })),
  ].map(call => ({ ...call, key: 'Bearer mp_secret' }));
}

const env = { ...process.env, MILEPOST_API_KEY: 'mp_secret', no_proxy: '127.0.0.1' };

test('the curl script sends the job as it is told', { timeout: 30_000 }, async () => {
  const arrived = await arrivals(url => run('bash', ['-euc', script(curlSnippets(subject(url)))], { env }));
  expect(arrived).toEqual(expected());
});

const hasRequests = spawnSync('python3', ['-c', 'import requests']).status === 0;

test.skipIf(!hasRequests)('the Python script sends the job as it is told', { timeout: 30_000 }, async () => {
  const arrived = await arrivals(url => run('python3', ['-c', script(pythonSnippets(subject(url)))], { env }));
  expect(arrived).toEqual(expected());
});

test('without steps a job is opened, told of and completed', () => {
  const calls = jobCalls(subject('http://x', { steps: [], version: null })).flatMap(group => group.calls);
  expect(calls.map(({ path, body }) => [path, Object.fromEntries(body)])).toEqual([
    ['/jobs', { provider_job_id: expect.any(String), tag: 'kidney' }],
    ['/events', { provider_job_id: expect.any(String), kind: 'info', name: 'Half of it is done' }],
    ['/events', { provider_job_id: expect.any(String), kind: 'error', name: expect.any(String) }],
    ['/events', { provider_job_id: expect.any(String), kind: 'complete' }],
  ]);
});
