import { option } from '../configurations/snippets/commandLine';
import { pythonLiteral, shellWord } from '../configurations/snippets/quoting';
import { type Language, WAYS } from '../configurations/snippets/snippets';
import type { Beginnings, StepName } from './checklist';

/** What the commands are about: what is there already, else an example. */
export type Example = { address: string; tag: string; steps: string[]; jobId: string };

/** More are no use in an example. */
const MOST_STEPS = 8;

const STEPS = [
  { tag: 'load', name: 'Load the images', points: 1 },
  { tag: 'measure', name: 'Measure', points: 3 },
  { tag: 'report', name: 'Write the report', points: 1 },
];

export function exampleOf(address: string, { configuration, job }: Beginnings): Example {
  const steps = configuration?.step_configurations ?? STEPS;
  return {
    address,
    tag: configuration?.tag ?? 'first-configuration',
    steps: steps.slice(0, MOST_STEPS).map(step => step.tag),
    jobId: job?.provider_job_id ?? 'first-job',
  };
}

/** The ways to report in which one begins; a program that stays as it is comes later. */
const LANGUAGES = ['curl', 'requests', 'package', 'shell'] as const satisfies Language[];
export type FirstLanguage = (typeof LANGUAGES)[number];
export const CHOICES = LANGUAGES.map(value => ({ value, label: WAYS[value].label }));

const COMMANDS: Record<FirstLanguage, (step: StepName, example: Example) => string | null> = {
  curl,
  requests,
  package: pythonPackage,
  shell,
};

/** The commands of a step, ready to paste; null where there is nothing to type. */
export function snippet(step: StepName, language: FirstLanguage, example: Example): string | null {
  return COMMANDS[language](step, example);
}

/** What to know before the commands of a step are pasted; code is between backticks. */
export function noteOn(step: StepName, language: FirstLanguage): string | null {
  switch (`${language} ${step}` as const) {
    case 'requests key':
      return 'Needs the package requests: `pip install requests`';
    case 'package key':
      return (
        'Needs the package milepost: `pip install ./python` in the source code of Milepost. Start Python with your key ' +
        'in `MILEPOST_API_KEY`, or after `milepost login`.'
      );
    case 'shell key':
      return (
        'Needs the program `milepost`, the same that serves this page. It asks for the key and keeps it for you, for the ' +
        'Python package too.'
      );
    case 'shell event':
      return 'A program that is to stay as it is reports by what it prints: see “Unchanged program” at your configuration.';
    default:
      return null;
  }
}

function curl(step: StepName, { address, tag, steps, jobId }: Example): string | null {
  switch (step) {
    case 'key':
      return lines(
        'export MILEPOST_API_KEY=mp_…',
        `curl -sS ${shellWord(`${address}/api/v1/api-keys/protected`)} -H "Authorization: Bearer $MILEPOST_API_KEY"`,
      );
    case 'configuration':
      return post(address, 'job-configurations', shellWord(JSON.stringify(newConfiguration(tag), null, 2)));
    case 'job':
      return post(address, 'jobs', shellWord(JSON.stringify({ provider_job_id: jobId, tag })));
    case 'event': {
      if (steps.length === 0) {
        return post(address, 'events', shellWord(JSON.stringify({ provider_job_id: jobId, kind: 'complete' })));
      }
      // The step's tag is put in by the shell; a tag holds nothing that would have to be quoted.
      const before = `{"provider_job_id":${JSON.stringify(jobId)},"kind":"step","tag":"`;
      return lines(
        `for step in ${steps.join(' ')}; do`,
        '  sleep 2',
        ...post(address, 'events', `${shellWord(before)}"$step"'"}'`)
          .split('\n')
          .map(line => `  ${line}`),
        'done',
      );
    }
    case 'customer':
      return null;
  }
}

function post(address: string, path: string, data: string): string {
  return lines(
    `curl -sS ${shellWord(`${address}/api/v1/${path}`)} \\`,
    '  -H "Authorization: Bearer $MILEPOST_API_KEY" -H "Content-Type: application/json" \\',
    `  -d ${data}`,
  );
}

function requests(step: StepName, { address, tag, steps, jobId }: Example): string | null {
  switch (step) {
    case 'key':
      return lines(
        'import os, time',
        'import requests',
        '',
        `MILEPOST = ${pythonLiteral(`${address}/api/v1`)}`,
        'session = requests.Session()',
        'session.headers["Authorization"] = "Bearer " + os.environ["MILEPOST_API_KEY"]',
        'session.get(MILEPOST + "/api-keys/protected").raise_for_status()',
      );
    case 'configuration':
      return call('/job-configurations', JSON.stringify(newConfiguration(tag), null, 4));
    case 'job':
      return call('/jobs', `{"provider_job_id": ${pythonLiteral(jobId)}, "tag": ${pythonLiteral(tag)}}`);
    case 'event':
      if (steps.length === 0) {
        return call('/events', `{"provider_job_id": ${pythonLiteral(jobId)}, "kind": "complete"}`);
      }
      return lines(
        `for step in [${steps.map(pythonLiteral).join(', ')}]:`,
        '    time.sleep(2)  # the work of the step',
        `    event = {"provider_job_id": ${pythonLiteral(jobId)}, "kind": "step", "tag": step}`,
        '    session.post(MILEPOST + "/events", json=event).raise_for_status()',
      );
    case 'customer':
      return null;
  }
}

function pythonPackage(step: StepName, { address, tag, steps, jobId }: Example): string | null {
  const job = `milepost.job(${pythonLiteral(tag)}, id=${pythonLiteral(jobId)}, url=MILEPOST)`;
  switch (step) {
    case 'key':
      return lines('import time', 'import milepost', '', `MILEPOST = ${pythonLiteral(address)}`);
    case 'configuration':
      return `milepost.register(${JSON.stringify(newConfiguration(tag), null, 4)}, url=MILEPOST)`;
    case 'job':
      return `${job}.open()`;
    case 'event':
      if (steps.length === 0) {
        return lines(`with ${job}:`, '    time.sleep(2)  # the work');
      }
      return lines(
        `with ${job} as job:`,
        `    for step in [${steps.map(pythonLiteral).join(', ')}]:`,
        '        time.sleep(2)  # the work of the step',
        '        job.step(step)',
      );
    case 'customer':
      return null;
  }
}

function shell(step: StepName, { address, tag, steps, jobId }: Example): string | null {
  switch (step) {
    case 'key':
      return `milepost login ${option('url', address)}`;
    case 'configuration':
      return lines(
        "cat > first-configuration.json <<'END'",
        JSON.stringify(newConfiguration(tag), null, 2),
        'END',
        'milepost config push first-configuration.json',
      );
    case 'job':
      return `milepost job open ${option('id', jobId)} ${option('config', tag)}`;
    case 'event':
      if (steps.length === 0) {
        return `milepost event complete ${option('job', jobId)}`;
      }
      return lines(
        `for step in ${steps.join(' ')}; do`,
        '  sleep 2  # the work of the step',
        // A tag that begins like an option is none behind --.
        `  milepost event step ${option('job', jobId)} -- "$step"`,
        'done',
      );
    case 'customer':
      return null;
  }
}

function call(path: string, json: string): string {
  return `session.post(MILEPOST + "${path}", json=${json}).raise_for_status()`;
}

function newConfiguration(tag: string) {
  return { tag, name: 'My first configuration', version: '1.0.0', step_configurations: STEPS };
}

function lines(...parts: string[]): string {
  return parts.join('\n');
}
