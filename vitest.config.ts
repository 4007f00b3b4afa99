import { defineConfig } from 'vitest/config';
import { createClosingLine } from './test/support/closing-line.ts';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/testdata/**', '**/node_modules/**'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    // Whole products run side by side on few cores there; a second try is shown beside the test's name.
    retry: process.env['CI'] === 'true' ? 1 : 0,
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', createClosingLine((text) => process.stdout.write(text))],
  },
});
