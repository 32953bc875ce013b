import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [react()],
  build: {
    manifest: true,
    target: 'es2022',
    // The policy of the page allows no data: addresses but for images.
    assetsInlineLimit: 0,
  },
  worker: { format: 'es' },
  server: { proxy: { '^/api/': process.env.MILEPOST_URL ?? 'http://127.0.0.1:8080' } },
  preview: { proxy: { '^/api/': process.env.MILEPOST_URL ?? 'http://127.0.0.1:8080' } },
  test: {
    projects: [
      { extends: true, test: { name: 'unit', include: ['src/**/*.test.ts'], environment: 'node' } },
      {
        test: {
          name: 'e2e',
          include: ['e2e/**/*.e2e.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      { test: { name: 'screenshots', include: ['e2e/screenshots.ts'], testTimeout: 600_000, hookTimeout: 120_000 } },
      { test: { name: 'bench', include: ['e2e/bench.ts'], testTimeout: 600_000, hookTimeout: 120_000 } },
    ],
  },
});
