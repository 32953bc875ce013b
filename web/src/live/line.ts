import { LiveConnection } from './connection';
import type { LiveMessage, TabMessage } from './messages';

/**
 * Joins the line that all tabs of this browser share. Where a browser has no shared workers (Chrome on Android), the
 * tab has a line of its own while it can be seen. Returns what leaves it.
 */
export function joinLine(userId: string, receive: (message: LiveMessage) => void): () => void {
  return 'SharedWorker' in globalThis ? joinWorker(userId, receive) : connectAlone(receive);
}

function joinWorker(userId: string, receive: (message: LiveMessage) => void): () => void {
  const worker = new SharedWorker(new URL('./worker.ts', import.meta.url), {
    type: 'module',
    name: `milepost-${userId}`,
  });
  const say = (message: TabMessage) => worker.port.postMessage(message);
  const hello = () => say('hello');
  const bye = () => say('bye');
  worker.port.onmessage = ({ data }: MessageEvent<LiveMessage>) => receive(data);
  hello();
  addEventListener('pagehide', bye);
  // Also when the browser brings a page back that it had put aside.
  addEventListener('pageshow', hello);
  return () => {
    removeEventListener('pagehide', bye);
    removeEventListener('pageshow', hello);
    bye();
    worker.port.close();
  };
}

function connectAlone(receive: (message: LiveMessage) => void): () => void {
  const connection = new LiveConnection(receive);
  const follow = () => (document.visibilityState === 'visible' ? connection.start() : connection.stop());
  follow();
  document.addEventListener('visibilitychange', follow);
  return () => {
    document.removeEventListener('visibilitychange', follow);
    connection.stop();
  };
}
