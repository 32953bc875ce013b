import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LiveConnection } from './connection';
import type { LiveMessage } from './messages';

/** A server whose answers the test gives. */
class Server {
  readonly requests: { lastId: string | null; signal: AbortSignal }[] = [];
  #streams: ReadableStreamDefaultController<Uint8Array>[] = [];
  answerWith: () => Response | Promise<Response> = () => this.stream();

  readonly fetch: typeof fetch = async (_, init) => {
    const signal = init?.signal ?? new AbortController().signal;
    this.requests.push({ lastId: new Headers(init?.headers).get('last-event-id'), signal });
    const response = await this.answerWith();
    signal.addEventListener('abort', () => this.#end(new DOMException('Aborted', 'AbortError')));
    return response;
  };

  stream(): Response {
    const body = new ReadableStream<Uint8Array>({ start: stream => void this.#streams.push(stream) });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  }

  async send(text: string): Promise<void> {
    this.#streams.at(-1)?.enqueue(new TextEncoder().encode(text));
    await vi.advanceTimersByTimeAsync(1);
  }

  async breakOff(): Promise<void> {
    this.#end(new TypeError('network error'));
    await vi.advanceTimersByTimeAsync(1);
  }

  #end(error: Error): void {
    try {
      this.#streams.at(-1)?.error(error);
    } catch {
      // It has ended already.
    }
  }
}

let server: Server;
let messages: LiveMessage[];
let connection: LiveConnection;

beforeEach(() => {
  vi.useFakeTimers({ now: new Date('2026-11-22T12:00:00Z') });
  server = new Server();
  messages = [];
  connection = new LiveConnection(message => messages.push(message), server.fetch);
});
afterEach(() => {
  connection.stop();
  vi.useRealTimers();
});

async function start(): Promise<void> {
  connection.start();
  await vi.advanceTimersByTimeAsync(1);
}

/** What the messages were, shortly: states by their name. */
function told(): string[] {
  return messages.map(message => (message.kind === 'state' ? message.state : message.kind));
}

const READY = 'event: ready\nid: 7\ndata: {}\n\n';
const EVENT = 'event: event\nid: 8\ndata: {"event":{"id":"e"},"job":{"id":"j"}}\n\n';
const SILENCE = 'event: silence\nid: 9\ndata: {"job":{"id":"j","silent_since":"2026-11-22T11:48:00Z"}}\n\n';
/** Longer than the pause before any further attempt. */
const A_WHILE = 10_000;

describe('the live line', () => {
  test('hands over events as they come, however they are cut', async () => {
    await start();
    await server.send(READY);
    await server.send(EVENT.slice(0, 30));
    expect(told()).toEqual(['connecting', 'live']);
    await server.send(EVENT.slice(30));
    expect(messages.at(-1)).toEqual({ kind: 'event', event: { id: 'e' }, job: { id: 'j' } });
  });

  test('resumes behind the last message it got', async () => {
    await start();
    await server.send(READY + EVENT);
    await server.breakOff();
    expect(told().at(-1)).toBe('lost');
    await vi.advanceTimersByTimeAsync(A_WHILE);
    expect(server.requests.map(request => request.lastId)).toEqual([null, '8']);
    expect(told().slice(-3)).toEqual(['lost', 'live', 'stale']);
  });

  test('hands over that a job is silent, and resumes behind that', async () => {
    await start();
    await server.send(READY + EVENT + SILENCE);
    expect(messages.at(-1)).toEqual({ kind: 'silence', job: { id: 'j', silent_since: '2026-11-22T11:48:00Z' } });
    await server.breakOff();
    await vi.advanceTimersByTimeAsync(A_WHILE);
    expect(server.requests.at(-1)?.lastId).toBe('9');
  });

  test('keeps trying while the server is away, each time after a longer pause', async () => {
    server.answerWith = () => Promise.reject(new TypeError('Failed to fetch'));
    await start();
    await vi.advanceTimersByTimeAsync(2_000);
    const early = server.requests.length;
    expect(early).toBeGreaterThanOrEqual(3);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.requests.length - early).toBeLessThanOrEqual(60 / 3.75 + 3);
    server.answerWith = () => server.stream();
    await vi.advanceTimersByTimeAsync(A_WHILE);
    expect(told().at(-1)).toBe('live');
  });

  test('ends with the session', async () => {
    server.answerWith = () => new Response(null, { status: 401 });
    await start();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(told()).toEqual(['connecting', 'signed-out']);
    expect(server.requests).toHaveLength(1);
  });

  test('begins anew with the next session', async () => {
    server.answerWith = () => new Response(null, { status: 401 });
    await start();
    server.answerWith = () => server.stream();
    await start();
    expect(told().at(-1)).toBe('live');
  });

  test('takes a silent line for a dead one, but a heartbeat for a sign of life', async () => {
    await start();
    await server.send(READY);
    for (let beat = 0; beat < 8; beat += 1) {
      await vi.advanceTimersByTimeAsync(15_000);
      await server.send(':\n\n');
    }
    expect(server.requests).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(35_000);
    expect(told().at(-1)).toBe('lost');
    await vi.advanceTimersByTimeAsync(A_WHILE);
    expect(server.requests.map(request => request.lastId)).toEqual([null, '7']);
  });

  test('gives up on an answer that never comes', async () => {
    const hanging: typeof fetch = (_, init) =>
      new Promise((_resolve, reject) => init?.signal?.addEventListener('abort', () => reject(new Error('aborted'))));
    connection = new LiveConnection(message => messages.push(message), hanging);
    await start();
    await vi.advanceTimersByTimeAsync(36_000);
    expect(told()).toContain('lost');
  });

  test('says that what was read is outdated when rights have changed', async () => {
    await start();
    await server.send(`${READY}event: access\ndata: {}\n\n`);
    expect(told()).toEqual(['connecting', 'live', 'stale']);
    await server.breakOff();
    await vi.advanceTimersByTimeAsync(A_WHILE);
    expect(server.requests.at(-1)?.lastId).toBe('7');
  });

  test('says so too of a line that is back: it makes up for events, not for rights', async () => {
    await start();
    await server.send(READY);
    expect(told()).not.toContain('stale');
    await server.breakOff();
    await vi.advanceTimersByTimeAsync(A_WHILE);
    expect(told().slice(-3)).toEqual(['lost', 'live', 'stale']);
  });

  test('says so too when the first line broke before it had a position', async () => {
    await start();
    await server.breakOff();
    await vi.advanceTimersByTimeAsync(A_WHILE);
    await server.send(READY);
    expect(told().at(-1)).toBe('stale');
  });

  test('reads again rather than being told all that happened in hours', async () => {
    await start();
    await server.send(READY);
    connection.stop();
    vi.setSystemTime(new Date('2026-11-22T20:00:00Z'));
    await start();
    await server.send(READY);
    expect(server.requests.at(-1)?.lastId).toBeNull();
    expect(told().at(-1)).toBe('stale');
  });

  test('forgets a position that the server refuses', async () => {
    await start();
    await server.send(READY);
    server.answerWith = () => new Response(null, { status: 422 });
    await server.breakOff();
    await vi.advanceTimersByTimeAsync(700);
    server.answerWith = () => server.stream();
    await vi.advanceTimersByTimeAsync(A_WHILE);
    expect(server.requests.at(-1)?.lastId).toBeNull();
    expect(told().slice(-2)).toEqual(['live', 'stale']);
  });

  test('keeps its position when the server is only too busy', async () => {
    await start();
    await server.send(READY);
    server.answerWith = () => new Response(null, { status: 429 });
    await server.breakOff();
    await vi.advanceTimersByTimeAsync(A_WHILE);
    expect(server.requests.at(-1)?.lastId).toBe('7');
  });

  test('does not take the page of a proxy for a line', async () => {
    server.answerWith = () => new Response('<html>', { headers: { 'content-type': 'text/html' } });
    await start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(told()).not.toContain('live');
    expect(server.requests.length).toBeLessThanOrEqual(60 / 3.75 + 5);
  });

  test('stops when told to, and resumes where it was when started again', async () => {
    await start();
    await server.send(READY);
    connection.stop();
    await vi.advanceTimersByTimeAsync(A_WHILE);
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]?.signal.aborted).toBe(true);
    expect(told()).toEqual(['connecting', 'live']);
    await start();
    expect(server.requests.map(request => request.lastId)).toEqual([null, '7']);
  });

  test('is one line, however often it is started', async () => {
    await start();
    await start();
    expect(server.requests).toHaveLength(1);
  });
});
