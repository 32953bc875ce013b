import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'vitest';
import { isLive, rowOf } from './support/steps';
import { soon, test } from './support/test';

test('all tabs of a browser share one stream', async ({ server, lab, visit }) => {
  await lab.describe();
  await lab.open('scan-1');
  await using streams = await countStreams(server.url);
  const ada = await visit();
  await ada.signIn(lab);
  const tabs = [await ada.open(`${streams.url}/jobs`), await ada.open(`${streams.url}/jobs`)];
  for (const tab of tabs) {
    await isLive(tab);
    await rowOf(tab, 'scan-1').waitFor();
  }
  await lab.report('scan-1', 'step', 'import');
  await Promise.all(tabs.map(tab => rowOf(tab, 'scan-1').getByText('5 %').waitFor()));
  expect({ open: streams.open, all: streams.all }).toEqual({ open: 1, all: 1 });

  const [first, second] = tabs;
  await first?.close();
  await lab.report('scan-1', 'step', 'denoise');
  if (second !== undefined) {
    await rowOf(second, 'scan-1').getByText('20 %').waitFor();
  }
  expect({ open: streams.open, all: streams.all }).toEqual({ open: 1, all: 1 });
  await second?.close();
  await soon(() => streams.open).toBe(0);
});

/** A way to the server that counts the streams on it. */
async function countStreams(target: string) {
  const counted = { open: 0, all: 0, url: '' };
  const proxy = createServer((incoming, outgoing) => {
    if (incoming.url?.includes('/stream')) {
      counted.open += 1;
      counted.all += 1;
      outgoing.once('close', () => {
        counted.open -= 1;
      });
    }
    const { method, headers } = incoming;
    const onward = request(`${target}${incoming.url}`, { method, headers }, answer => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      answer.pipe(outgoing);
    });
    onward.once('error', () => outgoing.destroy());
    outgoing.once('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>(listening => proxy.listen(0, '127.0.0.1', listening));
  counted.url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return Object.assign(counted, {
    [Symbol.asyncDispose]: async () => {
      proxy.closeAllConnections();
      await new Promise(closed => proxy.close(closed));
    },
  });
}
