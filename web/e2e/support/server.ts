import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Role } from '../../src/api/types';

/** The program. */
export const BINARY = process.env.MILEPOST_BIN ?? resolve(import.meta.dirname, '../../../target/debug/milepost');
const HOW_TO_BUILD = 'build it with `UI=required cargo build`, or name another by MILEPOST_BIN';
const START_LIMIT = 60_000;
/** The last line of what the demo says. */
const DEMO_IS_READY = /by hand, at (http:\/\/[\d.]+:\d+).*gone with Ctrl-C/s;

// The last act below is for `exit`, which a signal alone would skip.
process.once('SIGTERM', () => process.exit(143));

export type NewPerson = { role: Role; email: string; firstName: string; lastName: string; password: string };

/** The real `milepost` with a database of its own, in a folder of its own. */
export class Server {
  readonly #folder = mkdtempSync(join(tmpdir(), 'milepost-e2e-'));
  readonly #removeFolder = () => rmSync(this.#folder, { recursive: true, force: true });
  readonly #killChild = () => this.#child?.kill('SIGKILL');
  #child: ChildProcess | undefined;
  #log = '';
  #url = '';

  private constructor(private readonly command: 'serve' | 'demo') {
    process.on('exit', this.#killChild);
    process.on('exit', this.#removeFolder);
  }

  static async start(command: 'serve' | 'demo' = 'serve'): Promise<Server> {
    if (!existsSync(BINARY)) {
      throw new Error(`${BINARY} does not exist: ${HOW_TO_BUILD}`);
    }
    const server = new Server(command);
    try {
      await server.#serve('127.0.0.1:0');
      await server.#checkPage();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** Where it is, without a slash at the end. The same after a restart. */
  get url(): string {
    return this.#url;
  }

  /** What it has said so far. */
  get log(): string {
    return this.#log;
  }

  /** The people of the demo: whom it names in the links that fill in the sign-in. */
  get demoPeople(): { role: string; email: string; password: string }[] {
    const links = [...this.#log.matchAll(/^ {2}(Provider|Customer) +http\S+#(\S+)$/gm)];
    return links.map(([, role = '', fragment]) => {
      const filled = new URLSearchParams(fragment);
      return { role, email: filled.get('email') ?? '', password: filled.get('password') ?? '' };
    });
  }

  /** As when the machine loses its power. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise(resolve => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    }
  }

  /** Starts again on the same address with the same database. */
  async restart(): Promise<void> {
    await this.kill();
    await this.#serve(new URL(this.#url).host);
  }

  async stop(): Promise<void> {
    await this.kill();
    this.#removeFolder();
    process.off('exit', this.#killChild);
    process.off('exit', this.#removeFolder);
  }

  /** `milepost user add`, as the operator types it. */
  async addUser(person: NewPerson): Promise<void> {
    const names = ['--first-name', person.firstName, '--last-name', person.lastName];
    const who = ['--role', person.role, '--email', person.email, ...names, '--password-stdin'];
    await this.#operate(['user', 'add', ...who], person.password);
  }

  /** A command of the operator beside the running server. */
  async run(...args: string[]): Promise<void> {
    await this.#operate(args, '');
  }

  async #operate(args: string[], input: string): Promise<void> {
    await new Promise<void>((done, fail) => {
      const command = execFile(
        BINARY,
        [...args, '--database-url', this.#database],
        { cwd: this.#folder, env: environment() },
        (error, _, said) => (error === null ? done() : fail(new Error(`milepost ${args.join(' ')}: ${said}`))),
      );
      command.stdin?.end(input);
    });
  }

  get #database(): string {
    return `sqlite://${join(this.#folder, 'milepost.db')}`;
  }

  async #serve(listen: string): Promise<void> {
    // What the walks arrange at once is more than a program of a provider may report.
    const settings = ['--database-url', this.#database, '--event-rate', '1000000', '--event-burst', '1000000'];
    const args = this.command === 'serve' ? settings : [];
    const child = spawn(BINARY, [this.command, '--listen', listen, ...args], {
      cwd: this.#folder,
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const begun = this.#log.length;
    this.#url = await new Promise<string>((found, fail) => {
      const timer = setTimeout(() => fail(new Error(`milepost does not start:\n${this.#log}`)), START_LIMIT);
      const listening = (chunk: Buffer) => {
        this.#log += chunk.toString();
        const [, url] =
          (this.command === 'serve' ? /url=(http:\/\/[\d.]+:\d+)/ : DEMO_IS_READY).exec(this.#log.slice(begun)) ?? [];
        if (url !== undefined) {
          clearTimeout(timer);
          found(url);
        }
      };
      child.stdout.on('data', listening);
      child.stderr.on('data', listening);
      child.once('error', fail);
      child.once('exit', code => fail(new Error(`milepost ended with ${code}:\n${this.#log}`)));
    });
  }

  async #checkPage(): Promise<void> {
    const page = await (await fetch(this.#url)).text();
    if (!page.includes('<script type="module"')) {
      throw new Error(`${BINARY} has no page in it: ${HOW_TO_BUILD}`);
    }
  }
}

/** Ours without the settings of whoever runs the tests. */
function environment(): NodeJS.ProcessEnv {
  const names = Object.keys(process.env).filter(name => !/^(MILEPOST_|DATABASE_URL$)/.test(name));
  return Object.fromEntries(names.map(name => [name, process.env[name]]));
}
