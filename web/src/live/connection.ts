import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { LiveMessage, LiveState } from './messages';

const STREAM = '/api/v1/jobs/stream';
/** The server sends a comment every 15 s: a line that is silent for longer than two of them is dead. */
const SILENCE = 35_000;
const FIRST_PAUSE = 400;
const LONGEST_PAUSE = 10_000;

/**
 * The live line to the server: one stream of the events of all jobs the viewer may see. It resumes behind the last
 * message it got, so that a reconnect misses nothing, and gives up only when the session has ended. It reads the
 * stream itself rather than by `EventSource`, which hides the status of a refusal and the server's heartbeat.
 */
export class LiveConnection {
  #lastId: string | undefined;
  #stopping: AbortController | undefined;

  constructor(
    private readonly emit: (message: LiveMessage) => void,
    private readonly fetchStream: typeof fetch = (...request) => fetch(...request),
  ) {}

  start(): void {
    if (this.#stopping === undefined) {
      this.#stopping = new AbortController();
      void this.#run(this.#stopping.signal);
    }
  }

  /** Ends the line; {@link start} resumes where it was. */
  stop(): void {
    this.#stopping?.abort();
    this.#stopping = undefined;
  }

  async #run(stopped: AbortSignal): Promise<void> {
    this.#say('connecting');
    for (let pause = FIRST_PAUSE; !stopped.aborted; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      const outcome = await this.#follow(stopped, () => {
        pause = FIRST_PAUSE;
      });
      if (stopped.aborted) {
        return;
      }
      this.#say(outcome);
      if (outcome === 'signed-out') {
        this.stop();
        return;
      }
      // Not all browsers at the same moment after a restart of the server.
      await sleep(pause * (0.75 + Math.random() / 2), stopped);
    }
  }

  /** Follows the stream until it breaks off. */
  async #follow(stopped: AbortSignal, onOpen: () => void): Promise<'lost' | 'signed-out'> {
    const ending = new AbortController();
    const end = () => ending.abort();
    stopped.addEventListener('abort', end);
    let watchdog = setTimeout(end, SILENCE);
    try {
      const headers: Record<string, string> = { accept: 'text/event-stream' };
      if (this.#lastId !== undefined) {
        headers['last-event-id'] = this.#lastId;
      }
      const response = await this.fetchStream(STREAM, { headers, cache: 'no-store', signal: ending.signal });
      if (response.status === 401) {
        return 'signed-out';
      }
      if (!response.ok || response.body === null) {
        return 'lost';
      }
      onOpen();
      this.#say('live');
      const parser = createParser({ onEvent: message => this.#receive(message) });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        clearTimeout(watchdog);
        watchdog = setTimeout(end, SILENCE);
        parser.feed(part.value);
      }
    } catch {
      // A line that breaks is what the caller is for.
    } finally {
      clearTimeout(watchdog);
      stopped.removeEventListener('abort', end);
    }
    return 'lost';
  }

  #receive(message: EventSourceMessage): void {
    const resumed = this.#lastId !== undefined;
    this.#lastId = message.id ?? this.#lastId;
    if (message.event === 'event') {
      this.emit({ kind: 'event', ...JSON.parse(message.data) });
    } else if (message.event === 'access' || (message.event === 'ready' && resumed)) {
      // `ready` instead of what was missed: the server no longer has the history that we were in.
      this.emit({ kind: 'stale' });
    }
  }

  #say(state: LiveState): void {
    this.emit({ kind: 'state', state });
  }
}

function sleep(milliseconds: number, stopped: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, milliseconds);
    stopped.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
