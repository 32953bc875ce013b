import createClient, { type Client } from 'openapi-fetch';
import type { paths } from '../../src/api/schema';
import type { Configuration, Event, EventKind, Job, NewConfiguration, Problem, User } from '../../src/api/types';
import type { Server } from './server';

export const PASSWORD = 'correct horse battery';

export type EventFields = {
  name?: string;
  event_metadata?: Record<string, unknown>;
  fraction?: number;
  occurred_at?: string;
};

/** Somebody with an account, and what they do without the page. */
export class Person {
  readonly api: Client<paths>;

  protected constructor(
    readonly server: Server,
    readonly user: User,
    readonly password: string,
    readonly cookie: string,
  ) {
    this.api = createClient<paths>({ baseUrl: server.url, headers: { cookie }, fetch: fetchAgain });
  }

  get email(): string {
    return this.user.email;
  }

  static async signIn(server: Server, email: string, password: string): Promise<Person> {
    const { user, cookie } = await login(server, email, password);
    return new Person(server, user, password, cookie);
  }
}

/** A provider: describes jobs, opens and reports them, invites customers. */
export class Lab extends Person {
  static async found(server: Server, email = 'ada@aurora.example'): Promise<Lab> {
    await server.addUser({ role: 'provider', email, firstName: 'Ada', lastName: 'Lindqvist', password: PASSWORD });
    return Lab.return(server, email);
  }

  /** Somebody who has an account already. */
  static async return(server: Server, email: string, password = PASSWORD): Promise<Lab> {
    const { user, cookie } = await login(server, email, password);
    return new Lab(server, user, password, cookie);
  }

  async describe(configuration: NewConfiguration = BRAIN): Promise<Configuration> {
    return told(this.api.POST('/api/v1/job-configurations', { body: configuration }));
  }

  /** The newest 200 versions of a tag, the newest first. */
  async versions(tag: string): Promise<{ items: Configuration[] }> {
    return told(this.api.GET('/api/v1/job-configurations', { params: { query: { tag, limit: 200 } } }));
  }

  async open(id: string, fields: { tag?: string; name?: string; for?: Person } = {}): Promise<Job> {
    const body = {
      provider_job_id: id,
      tag: fields.tag ?? BRAIN.tag,
      provider_job_name: fields.name ?? null,
      customer_id: fields.for?.user.id ?? null,
    };
    return told(this.api.POST('/api/v1/jobs', { body }));
  }

  async report(id: string, kind: EventKind, tag?: string, fields: EventFields = {}): Promise<Event> {
    const body = { provider_job_id: id, kind, tag: tag ?? null, ...fields };
    return told(this.api.POST('/api/v1/events', { body }));
  }

  /** Many events at once: `[kind, tag, fields]`. */
  async reportAll(id: string, events: [EventKind, string?, EventFields?][]): Promise<void> {
    const body = events.map(([kind, tag, fields]) => ({ provider_job_id: id, kind, tag: tag ?? null, ...fields }));
    const { items } = await told(this.api.POST('/api/v1/events/batch', { body }));
    const refused = items.find(item => item.problem !== null);
    if (refused !== undefined) {
      throw new Error(`An event of the batch was refused: ${JSON.stringify(refused.problem)}`);
    }
  }

  /** All jobs, newest first. */
  async jobs(): Promise<Job[]> {
    const jobs: Job[] = [];
    let cursor: string | undefined;
    do {
      const page = await told(this.api.GET('/api/v1/jobs', { params: { query: { limit: 200, cursor } } }));
      jobs.push(...page.items);
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    return jobs;
  }

  /** The link to hand over. */
  async invite(email: string): Promise<string> {
    const { invitation_url } = await told(this.api.POST('/api/v1/customers', { body: { email } }));
    if (invitation_url === null) {
      throw new Error(`${email} is a customer already`);
    }
    return invitation_url;
  }

  /** Accepts an invitation with a new account. */
  async accept(link: string, firstName: string, lastName: string): Promise<Person> {
    const token = link.split('/').at(-1) ?? '';
    const body = { first_name: firstName, last_name: lastName, password: PASSWORD };
    const user = await told(
      this.api.POST('/api/v1/invitations/{token}/accept', { params: { path: { token } }, body, headers: ANONYMOUS }),
    );
    return Person.signIn(this.server, user.email, PASSWORD);
  }

  /** A customer who has accepted. */
  async welcome(email = 'ines@clinic.example', firstName = 'Ines', lastName = 'Moreau'): Promise<Person> {
    return this.accept(await this.invite(email), firstName, lastName);
  }
}

/** A connection that was kept open may have died with the server: then what was sent has reached nobody. */
async function fetchAgain(request: Request): Promise<Response> {
  const again = request.clone();
  return fetch(request).catch(() => fetch(again));
}

/** The session's cookie is left out. */
const ANONYMOUS = { cookie: null };

/** What most walks are about: five steps, with every kind of metadata. */
export const BRAIN: NewConfiguration = {
  tag: 'brain-volumes',
  name: 'Brain volumes',
  version: '1.0.0',
  step_configurations: [
    {
      tag: 'import',
      name: 'Import the scan',
      points: 5,
      metadata_configurations: [{ name: 'Protocol', kind: 'text', units: null }],
    },
    { tag: 'denoise', name: 'Remove noise', points: 15 },
    {
      tag: 'segment',
      name: 'Segment tissue',
      points: 50,
      metadata_configurations: [
        { name: 'Brain volume', kind: 'number', units: 'ml' },
        { name: 'Cortical thickness', kind: 'number', units: 'mm' },
      ],
    },
    { tag: 'check', name: 'Check quality', points: 20 },
    {
      tag: 'report',
      name: 'Write the report',
      points: 10,
      metadata_configurations: [{ name: 'Report', kind: 'link', units: null }],
    },
  ],
};

/** The data of an answer, or an error that says what was refused. */
export async function told<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok || data === undefined) {
    const problem = error as Problem | undefined;
    throw new Error(`${response.url}: ${response.status} ${problem?.detail} ${JSON.stringify(problem?.errors)}`);
  }
  return data;
}

async function login(server: Server, email: string, password: string): Promise<{ user: User; cookie: string }> {
  const call = createClient<paths>({ baseUrl: server.url }).POST('/api/v1/login', { body: { email, password } });
  const user = await told(call);
  const { response } = await call;
  const cookie = response.headers.getSetCookie().map(line => line.split(';')[0]);
  return { user, cookie: cookie.join('; ') };
}
