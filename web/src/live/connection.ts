import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { LiveMessage, LiveState } from './messages';

const STREAM = '/api/v1/jobs/stream';
/** The server sends a comment every 15 s: a line that is silent for longer than two of them is dead. */
const SILENCE = 35_000;
const FIRST_PAUSE = 400;
const LONGEST_PAUSE = 5_000;
/** After that long (a laptop that slept) it costs less to read again than to be told all that happened. */
const RESUMABLE = 5 * 60_000;

/**
 * The live line to the server: one stream of the events of all jobs the viewer may see. It resumes behind the last
 * message it got, so that a reconnect misses nothing, and gives up only when the session has ended. It reads the
 * stream itself rather than by `EventSource`, which hides the status of a refusal and the server's heartbeat.
 */
export class LiveConnection {
  #lastId: string | undefined;
  #lastHeard = 0;
  #wasOpen = false;
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
      const headers = this.#headers();
      const response = await this.fetchStream(STREAM, { headers, cache: 'no-store', signal: ending.signal });
      if (response.status === 401) {
        this.#lastId = undefined;
        return 'signed-out';
      }
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
      if (!response.ok || !isStream || response.body === null) {
        // A position that the server refuses would be refused for ever.
        this.#lastId = response.status === 400 || response.status === 422 ? undefined : this.#lastId;
        void response.body?.cancel();
        return 'lost';
      }
      onOpen();
      this.#say('live');
      if (this.#wasOpen) {
        // Events are made up for, but not what else happened meanwhile: a right that was lost, a job that was opened.
        this.emit({ kind: 'stale' });
      }
      this.#wasOpen = true;
      const parser = createParser({ onEvent: message => this.#receive(message) });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done && !stopped.aborted; part = await reader.read()) {
        clearTimeout(watchdog);
        watchdog = setTimeout(end, SILENCE);
        this.#lastHeard = Date.now();
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

  #headers(): Record<string, string> {
    if (Date.now() - this.#lastHeard > RESUMABLE) {
      this.#lastId = undefined;
    }
    const accept = { accept: 'text/event-stream' };
    return this.#lastId === undefined ? accept : { ...accept, 'last-event-id': this.#lastId };
  }

  #receive(message: EventSourceMessage): void {
    this.#lastId = message.id ?? this.#lastId;
    if (message.event === 'event') {
      this.emit({ kind: 'event', ...JSON.parse(message.data) });
    } else if (message.event === 'silence') {
      this.emit({ kind: 'silence', ...JSON.parse(message.data) });
    } else if (message.event === 'access') {
      this.emit({ kind: 'stale' });
    }
  }

  #say(state: LiveState): void {
    this.emit({ kind: 'state', state });
  }
}

function sleep(milliseconds: number, stopped: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const wake = () => {
      clearTimeout(timer);
      stopped.removeEventListener('abort', wake);
      resolve();
    };
    const timer = setTimeout(wake, milliseconds);
    stopped.addEventListener('abort', wake);
  });
}
