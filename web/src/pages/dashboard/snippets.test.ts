import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { Configuration, Job } from '../../api/types';
import { NOTHING } from './checklist';
import { exampleOf, snippet } from './snippets';

const address = 'https://milepost.example';
const configuration = {
  tag: 'brain-volumes',
  step_configurations: [{ tag: 'load' }, { tag: 'left.lobe' }],
} as Configuration;
const job = { provider_job_id: `it's "job" $HOME TAG` } as Job;
const fresh = exampleOf(address, NOTHING);
const real = exampleOf(address, { ...NOTHING, configuration, job });

describe('the commands', () => {
  it('are filled with the address, and what is there already', () => {
    expect(snippet('key', 'curl', fresh)).toContain("'https://milepost.example/api/v1/api-keys/protected'");
    expect(snippet('key', 'requests', fresh)).toContain('"https://milepost.example/api/v1"');
    expect(snippet('job', 'curl', real)).toContain('"tag":"brain-volumes"');
    expect(snippet('event', 'requests', real)).toContain('for step in ["load", "left.lobe"]:');
  });

  it('hang together where nothing is there yet', () => {
    const registered = snippet('configuration', 'curl', fresh) ?? '';
    const sent = JSON.parse(registered.slice(registered.indexOf('{'), registered.lastIndexOf('}') + 1));
    expect(sent.tag).toBe(fresh.tag);
    expect(sent.step_configurations.map((step: { tag: string }) => step.tag)).toEqual(fresh.steps);
  });

  it('show no more than a few of many steps', () => {
    const many = { tag: 'big', step_configurations: Array.from({ length: 500 }, (_, n) => ({ tag: `s${n}` })) };
    expect(exampleOf(address, { ...NOTHING, configuration: many as Configuration }).steps).toHaveLength(8);
  });

  it('complete the job where its configuration has no steps', () => {
    const bare = { tag: 'bare', step_configurations: [] as unknown[] } as Configuration;
    const example = exampleOf(address, { ...NOTHING, configuration: bare });
    expect(snippet('event', 'curl', example)).toContain('{"provider_job_id":"first-job","kind":"complete"}');
    expect(snippet('event', 'requests', example)).toContain('"kind": "complete"');
    expect(snippet('event', 'shell', example)).toBe('milepost event complete --job first-job');
    expect(snippet('event', 'package', example)).not.toContain('job.step');
  });

  it('are nothing to type where a button does it', () => {
    expect(snippet('customer', 'curl', fresh)).toBeNull();
  });
});

describe('an id with quotes in it', () => {
  it('reaches curl as it is', () => {
    const command = snippet('event', 'curl', real) ?? '';
    const said = execFileSync('sh', [
      '-c',
      `sleep() { :; }; curl() { for last; do :; done; echo "$last"; }\n${command}`,
    ]);
    const sent = String(said)
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(sent).toEqual([
      { provider_job_id: job.provider_job_id, kind: 'step', tag: 'load' },
      { provider_job_id: job.provider_job_id, kind: 'step', tag: 'left.lobe' },
    ]);
  });

  it('is text in Python', () => {
    expect(snippet('job', 'requests', real)).toContain(String.raw`"it's \"job\" $HOME TAG"`);
  });
});
