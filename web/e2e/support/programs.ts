import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { BINARY } from './server';

const SHELL = ['bash', '--norc', '-euc'];
/** A Python that has the package. */
const PYTHON_WITH_PACKAGE = resolve(import.meta.dirname, '../../../target/python-venv/bin/python');

/** What runs the code of a language of the page. */
export const RUNS: Record<string, string[]> = {
  curl: SHELL,
  'Python requests': ['python3', '-c'],
  'Python package': [PYTHON_WITH_PACKAGE, '-c'],
  'Command line': SHELL,
  'Unchanged program': SHELL,
};

/** A provider's own machine: a folder for their files and what the commands keep, and the commands themselves. */
export class Machine {
  readonly #folder = mkdtempSync(join(tmpdir(), 'milepost-machine-'));

  /** Runs what was copied from the page; whatever it says beside its output is a failure. */
  async run(language: string, code: string, { key, input = '' }: { key?: string; input?: string }): Promise<void> {
    const [program = '', ...args] = RUNS[language] ?? [];
    const others = Object.entries(process.env).filter(([name]) => !name.startsWith('MILEPOST_'));
    const env = {
      ...Object.fromEntries(others),
      PATH: [dirname(BINARY), process.env.PATH].join(delimiter),
      XDG_CONFIG_HOME: this.#folder,
      XDG_STATE_HOME: this.#folder,
      ...(key === undefined ? {} : { MILEPOST_API_KEY: key }),
    };
    await new Promise<void>((done, fail) => {
      const child = execFile(program, [...args, code], { cwd: this.#folder, env }, (error, _, said) =>
        error === null && said === '' ? done() : fail(new Error(`${language}: ${error?.message ?? ''}\n${said}`)),
      );
      child.stdin?.end(input);
    });
  }

  /** Saves a file. */
  save(name: string, content: string): void {
    writeFileSync(join(this.#folder, name), content);
  }

  leave(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
