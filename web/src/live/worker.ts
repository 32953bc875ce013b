/// <reference lib="webworker" />
import { LiveConnection } from './connection';
import type { LiveMessage, LiveState, TabMessage } from './messages';

/** One worker for all tabs of a browser and a user: one line to the server, whatever number of tabs is open. */
const scope = self as unknown as SharedWorkerGlobalScope;
const tabs = new Set<MessagePort>();
let state: LiveState = 'connecting';

const connection = new LiveConnection(message => {
  if (message.kind === 'state') {
    state = message.state;
  }
  for (const tab of tabs) {
    tab.postMessage(message);
  }
});

scope.onconnect = ({ ports: [port] }) => {
  if (port !== undefined) {
    port.onmessage = ({ data }: MessageEvent<TabMessage>) => (data === 'hello' ? join(port) : leave(port));
  }
};

function join(tab: MessagePort): void {
  tabs.add(tab);
  connection.start();
  tab.postMessage({ kind: 'state', state } satisfies LiveMessage);
}

function leave(tab: MessagePort): void {
  tabs.delete(tab);
  if (tabs.size === 0) {
    connection.stop();
  }
}
