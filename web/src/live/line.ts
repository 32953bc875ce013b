import type { LiveConnection } from './connection';
import type { LiveMessage, TabMessage } from './messages';

/**
 * Joins the line that all tabs of this browser share. Where a browser has no shared workers (Chrome on Android), the
 * tab has a line of its own while it can be seen. Returns what leaves it.
 */
export function joinLine(userId: string, receive: (message: LiveMessage) => void): () => void {
  return 'SharedWorker' in globalThis ? joinWorker(userId, receive) : connectAlone(receive);
}

/**
 * Passes messages on, and says `stale` once the line is live for the first time: what the tab read before may lack
 * what happened until then. `again`: the tab was away and has missed messages.
 */
function fromFirstLive(receive: (message: LiveMessage) => void) {
  let isFirst = true;
  return {
    receive: (message: LiveMessage) => {
      receive(message);
      if (isFirst && message.kind === 'state' && message.state === 'live') {
        isFirst = false;
        receive({ kind: 'stale' });
      }
    },
    again: () => {
      isFirst = true;
    },
  };
}

function joinWorker(userId: string, receiver: (message: LiveMessage) => void): () => void {
  const worker = new SharedWorker(new URL('./worker.ts', import.meta.url), {
    type: 'module',
    name: `milepost-${userId}`,
  });
  const { receive, again } = fromFirstLive(receiver);
  const say = (message: TabMessage) => worker.port.postMessage(message);
  const hello = () => say('hello');
  const bye = () => say('bye');
  const helloAgain = ({ persisted }: PageTransitionEvent) => {
    if (persisted) {
      again();
      hello();
    }
  };
  worker.port.onmessage = ({ data }: MessageEvent<LiveMessage>) => receive(data);
  hello();
  addEventListener('pagehide', bye);
  // The browser brings back a page that it had put aside.
  addEventListener('pageshow', helloAgain);
  return () => {
    removeEventListener('pagehide', bye);
    removeEventListener('pageshow', helloAgain);
    bye();
    worker.port.onmessage = null;
    worker.port.close();
  };
}

function connectAlone(receiver: (message: LiveMessage) => void): () => void {
  let connection: LiveConnection | undefined;
  let hasLeft = false;
  const follow = () =>
    document.visibilityState === 'visible' && !hasLeft ? connection?.start() : connection?.stop();
  // Loaded only where it is needed: the worker has its own.
  void import('./connection').then(({ LiveConnection }) => {
    connection = new LiveConnection(fromFirstLive(receiver).receive);
    follow();
  });
  document.addEventListener('visibilitychange', follow);
  return () => {
    hasLeft = true;
    document.removeEventListener('visibilitychange', follow);
    connection?.stop();
  };
}
