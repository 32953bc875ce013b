import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import type { NewStep } from '../../../api/types';
import { commandLineSnippets } from './commandLine';
import { execSnippets } from './exec';
import { packageSnippets } from './pythonPackage';
import {
  jsonObject,
  pythonArguments,
  pythonDict,
  pythonLiteral,
  shellArgument,
  shellWord,
  tomlString,
} from './quoting';
import { EXAMPLE_VALUES, type Subject } from './reports';
import { curlSnippets, jobCalls, requestsSnippets, script } from './snippets';

const run = promisify(execFile);

const ROOT = resolve(import.meta.dirname, '../../../../..');
/** The program, and a Python that has the package; made by `make test-python`. */
const MILEPOST = join(ROOT, 'target/debug/milepost');
const PYTHON = join(ROOT, 'target/python-venv/bin/python');

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

test('the shell takes what people named as it is, and shows all of it', async () => {
  for (const name of [...NAMES, 'left_1', 'https://a.example:80/b', 'a=b', '=a', '~', '']) {
    const word = shellArgument(name);
    const { stdout } = await run('bash', ['-c', `printf %s ${word}`]);
    expect(stdout).toBe(name);
    expect(word).not.toMatch(/[\p{Cc}\u202e\u200b\u2028]/u);
  }
  expect(shellArgument('left_1')).toBe('left_1');
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

test('a call in Python keeps any name, as a word where it is one', async () => {
  const calls = [...NAMES, 'Density', 'lambda', '__debug__', 'µ', 'x'.repeat(90)].map(name =>
    pythonArguments('tag', [[name, name]]),
  );
  const program = `import json\ndef f(tag, /, **named):\n    return named\nprint(json.dumps([${calls.map(call => `f(${call})`).join(',')}]))`;
  const { stdout } = await run('python3', ['-c', program]);
  for (const named of JSON.parse(stdout) as Record<string, string>[]) {
    for (const [name, value] of Object.entries(named)) {
      expect(value).toBe(name);
    }
  }
  expect(pythonArguments('left', [['Density', 5.1]])).toBe('"left", Density=5.1');
  expect(pythonArguments('left', [['Mean volume', 5.1]])).toBe('"left", **{"Mean volume": 5.1}');
});

test('TOML takes every string as it is', async () => {
  const program = `import json, sys, tomllib\nprint(json.dumps(tomllib.loads(sys.stdin.read())["names"]))`;
  const reading = run('python3', ['-c', program]);
  reading.child.stdin?.end(`names = [${NAMES.map(tomlString).join(', ')}]`);
  expect(JSON.parse((await reading).stdout)).toEqual(NAMES);
});

test('what is not seen is written out', () => {
  const hidden = '\u202eabc\u200b\u2028\u007f';
  for (const text of [jsonObject([[hidden, hidden]]), pythonLiteral(hidden)]) {
    expect(text).toMatch(/^[\x20-\x7e]+$/);
  }
});

const steps: NewStep[] = [
  ...NAMES.map((name, index) => ({
    tag: `-step.${index}_-`,
    name,
    points: index,
    metadata_configurations: [
      { name, kind: 'text' as const },
      { name: `${name}, number`, kind: 'number' as const, units: name },
      { name: `${name}, link`, kind: 'link' as const },
      { name: `${name}, nothing said`, kind: null },
    ],
  })),
  {
    tag: 'words',
    name: 'What is a word in every language, or means something in one',
    points: 1,
    metadata_configurations: ['Density', 'tag', 'self', 'step', 'fraction', 'percent', 'text', 'value_1', 'job'].map(
      name => ({ name, kind: 'number' as const }),
    ),
  },
];

function subject(address: string, changes: Partial<Subject> = {}): Subject {
  return { address, tag: 'kidney', version: '1.0.0+b', providerJobId: `Ada's $HOME "\\ 😀`, steps, ...changes };
}

type Arrived = { path: string; key: string; body: unknown };

/** What arrives at a server while something is run. Events in batches arrive as if they were sent alone. */
async function arrivals(act: (address: string) => Promise<unknown>): Promise<Arrived[]> {
  const arrived: Arrived[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', chunk => chunks.push(chunk));
    request.on('end', () => {
      const content = Buffer.concat(chunks).toString('utf8');
      const key = request.headers.authorization ?? '';
      const isBatch = request.url === '/api/v1/events/batch';
      const path = isBatch ? '/api/v1/events' : (request.url ?? '');
      const bodies = isBatch ? events(content) : content === '' ? [] : [JSON.parse(content)];
      arrived.push(...bodies.map(body => ({ path, key, body })));
      // What is created is answered with its fields.
      const answer = isBatch ? { items: bodies.map(event => ({ status: 201, event })) } : { ...bodies[0] };
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  try {
    await act(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.close();
  }
  return arrived;
}

/** The events of a batch, without what the spool adds to each. */
function events(content: string): unknown[] {
  const sent = content.startsWith('[') ? JSON.parse(content) : content.split('\n').map(line => JSON.parse(line));
  return sent.map(({ occurred_at, idempotency_key, ...event }: Record<string, unknown>) => {
    expect([typeof occurred_at, typeof idempotency_key]).toEqual(['string', 'string']);
    return event;
  });
}

/** The calls as they must arrive, built by other means than the snippets: plain objects. */
function expected() {
  const provider_job_id = `Ada's $HOME "\\ 😀`;
  const metadata = (step: NewStep) =>
    Object.fromEntries(
      (step.metadata_configurations ?? []).map(({ name, kind }) => [name, EXAMPLE_VALUES[kind ?? 'text']]),
    );
  const events = [
    { kind: 'info', tag: '-step.0_-', fraction: 0.5, name: 'Half of it is done' },
    { kind: 'error', tag: '-step.0_-', name: 'What failed, and what to do about it' },
    ...steps.map(step => ({ kind: 'step', tag: step.tag, event_metadata: metadata(step) })),
    { kind: 'complete' },
  ];
  return [
    { path: '/api/v1/jobs', body: { provider_job_id, tag: 'kidney', version: '1.0.0+b' } },
    ...events.map(event => ({ path: '/api/v1/events', body: { provider_job_id, ...event } })),
  ].map(call => ({ ...call, key: 'Bearer mp_secret' }));
}

/** A folder in which what waits for the server is kept, and nobody's settings are. */
const folder = mkdtempSync(join(tmpdir(), 'milepost-snippets-'));
afterAll(() => rmSync(folder, { recursive: true }));

const env = {
  ...process.env,
  XDG_CONFIG_HOME: folder,
  XDG_STATE_HOME: folder,
  PATH: [dirname(MILEPOST), process.env.PATH].join(delimiter),
  MILEPOST_API_KEY: 'mp_secret',
  no_proxy: '127.0.0.1',
};

test('the curl script sends the job as it is told', { timeout: 30_000 }, async () => {
  const arrived = await arrivals(url => run('bash', ['-euc', script(curlSnippets(subject(url)))], { env }));
  expect(arrived).toEqual(expected());
});

const hasRequests = spawnSync('python3', ['-c', 'import requests']).status === 0;

test.skipIf(!hasRequests)('the Python script sends the job as it is told', { timeout: 30_000 }, async () => {
  const arrived = await arrivals(url => run('python3', ['-c', script(requestsSnippets(subject(url)))], { env }));
  expect(arrived).toEqual(expected());
});

const hasPackage = spawnSync(PYTHON, ['-c', 'import milepost']).status === 0;

test.skipIf(!hasPackage)('the Python package sends the job as it is told', { timeout: 30_000 }, async () => {
  const arrived = await arrivals(async url => {
    const { stderr } = await run(PYTHON, ['-c', script(packageSnippets(subject(url)))], { env });
    expect(stderr).toBe('');
  });
  expect(arrived).toEqual(expected());
});

const hasMilepost = existsSync(MILEPOST);

test.skipIf(!hasMilepost)('the command line sends the job as it is told', { timeout: 30_000 }, async () => {
  const arrived = await arrivals(async url => {
    const { stderr } = await run('bash', ['-euc', script(commandLineSnippets(subject(url)))], { env });
    expect(stderr).toBe('');
  });
  expect(arrived).toEqual(expected());
});

test.skipIf(!hasMilepost)('a program under exec sends the job by what it prints', { timeout: 30_000 }, async () => {
  const arrived = await arrivals(async url => {
    const [rules, program, command] = execSnippets(subject(url));
    writeFileSync(join(folder, 'rules.toml'), rules?.code ?? '');
    writeFileSync(join(folder, 'run.sh'), program?.code ?? '');
    const { stderr } = await run('bash', ['-euc', command?.code ?? ''], { env, cwd: folder });
    expect(stderr).toBe('');
  });
  // A line that says how far a step is has no other words, and what failed names no step.
  const events = expected().map(({ body, ...call }) => {
    const { name, tag, ...others }: Record<string, unknown> = body;
    const kept = { info: { tag }, error: { name } }[String(others.kind)] ?? { name, tag };
    return { ...call, body: { ...others, ...kept } };
  });
  expect(arrived).toEqual(events);
});

test('a name that the command line cannot tell is left out, and said to be', () => {
  const fields = [{ name: 'a=b' }, { name: 'c' }];
  const odd = subject('http://x', { steps: [{ tag: 's', name: 's', points: 1, metadata_configurations: fields }] });
  const code = script(commandLineSnippets(odd));
  expect(code).toContain('# Names with = in them are for the other languages\nmilepost event step s c=example');
  expect(code).not.toContain('a=b');
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
