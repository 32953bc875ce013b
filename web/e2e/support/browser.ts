import { execFileSync } from 'node:child_process';
import { type Browser, type BrowserContext, chromium, type Page, type Request } from 'playwright-core';
import type { Person } from './people';
import type { Server } from './server';

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

/** How long the page may take for anything; far longer than it does, for machines that are slow. */
export const PATIENCE = 15_000;

export async function launchBrowser(args: string[] = []): Promise<Browser> {
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath: findChromium(), args: [...asRoot, '--disable-dev-shm-usage', ...args] });
}

function findChromium(): string {
  if (process.env.CHROMIUM !== undefined) {
    return process.env.CHROMIUM;
  }
  try {
    return execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim();
  } catch {
    throw new Error('There is no chromium on the search path: install it, or name it by CHROMIUM');
  }
}

export type Look = { viewport?: { width: number; height: number }; scheme?: 'light' | 'dark'; zone?: string };

/** A browser of somebody's own, on their machine. What goes wrong in its pages is kept. */
export class Visitor {
  readonly #problems: string[] = [];
  readonly #log: string[] = [];
  readonly #expected: RegExp[] = [];
  readonly #pages: Page[] = [];

  private constructor(
    readonly server: Server,
    readonly context: BrowserContext,
  ) {
    context.setDefaultTimeout(PATIENCE);
    context.on('page', page => this.#watch(page));
  }

  static async arrive(browser: Browser, server: Server, look: Look = {}): Promise<Visitor> {
    const context = await browser.newContext({
      baseURL: server.url,
      viewport: look.viewport ?? DESKTOP,
      colorScheme: look.scheme ?? 'light',
      reducedMotion: 'reduce',
      locale: 'en-GB',
      ...(look.zone !== undefined && { timezoneId: look.zone }),
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', event => {
        // biome-ignore lint/suspicious/noConsole: it is what the watcher listens to
        console.error(`CSP: ${event.violatedDirective} forbids ${event.blockedURI} (${event.sample})`);
      });
    });
    return new Visitor(server, context);
  }

  /** Another tab; the first one too. */
  async open(path: string): Promise<Page> {
    const page = await this.context.newPage();
    await page.goto(path);
    return page;
  }

  /** A session without typing. */
  async signIn(person: Person, password = person.password): Promise<void> {
    const answer = await this.context.request.post('/api/v1/login', { data: { email: person.email, password } });
    if (!answer.ok()) {
      throw new Error(`${person.email} cannot sign in: ${await answer.text()}`);
    }
  }

  /** From here on what fits is no fault. */
  expect(...patterns: RegExp[]): void {
    this.#expected.push(...patterns);
  }

  /** The server is away, or will be soon. */
  expectOutage(): void {
    this.expect(/net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING)/);
  }

  /** What went wrong that nobody expected. */
  get problems(): string[] {
    return this.#problems.filter(problem => !this.#expected.some(pattern => pattern.test(problem)));
  }

  get log(): string {
    return this.#log.join('\n');
  }

  get pages(): readonly Page[] {
    return this.#pages.filter(page => !page.isClosed());
  }

  async leave(): Promise<void> {
    await this.context.close();
  }

  #watch(page: Page): void {
    this.#pages.push(page);
    page.on('console', message => {
      this.#log.push(`${message.type()}: ${message.text()}`);
      // What could not be loaded is judged by its request.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
        this.#problems.push(`console: ${message.text()}`);
      }
    });
    page.on('pageerror', error => this.#note(`exception: ${error.stack ?? error.message}`));
    page.on('crash', () => this.#note('the page crashed'));
    page.on('dialog', async dialog => {
      this.#note(`dialog: ${dialog.message()}`);
      await dialog.dismiss();
    });
    page.on('requestfailed', request => this.#requestFailed(request));
    page.on('response', response => {
      const line = `${response.status()} ${response.request().method()} ${response.url()}`;
      this.#log.push(line);
      const asksWhoIAm = response.status() === 401 && response.url().endsWith('/api/v1/users/me');
      if (response.status() >= 400 && !asksWhoIAm) {
        this.#problems.push(line);
      }
    });
  }

  #requestFailed(request: Request): void {
    const reason = request.failure()?.errorText ?? 'failed';
    // A page that is left, and a list that is asked for anew, break off what they asked for.
    if (reason !== 'net::ERR_ABORTED') {
      this.#note(`${reason} ${request.method()} ${request.url()}`);
    }
  }

  #note(problem: string): void {
    this.#log.push(problem);
    this.#problems.push(problem);
  }
}
