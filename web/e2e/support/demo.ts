import { Person } from './people';
import { Server } from './server';
import { test } from './test';

/** A test with a demo of its own: months of history, of several customers, configurations and versions. */
export const demoTest = test
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from the pattern what a fixture needs
  .extend('server', async ({}, { onCleanup }) => {
    const server = await Server.start('demo');
    onCleanup(() => server.stop());
    return server;
  })
  .extend('provider', ({ server }) => {
    const { email = '', password = '' } = server.demoPeople.find(({ role }) => role === 'Provider') ?? {};
    return Person.signIn(server, email, password);
  });
