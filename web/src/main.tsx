import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import './app/style.css';
import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { newQueryClient } from './api/queries';
import { styleNonce } from './app/nonce';
import { Messages } from './app/notify';
import { newRouter } from './app/router';
import { theme } from './app/theme';

// By this name the code asks for it that keeps the page from scrolling behind a dialog.
Object.assign(globalThis, { __webpack_nonce__: styleNonce() });

const client = newQueryClient();
const router = newRouter(client);
const root = document.getElementById('root');

if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={styleNonce}>
        <Messages />
        <QueryClientProvider client={client}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}
