import { defineConfig } from 'vitest/config';
import { createClosingLine } from './test/support/closing-line.ts';

// No module keeps state and these start no programs, so their test files share what they load: half the time.
const LIGHT = ['argocd', 'audit', 'config', 'lib', 'manifest', 'memory', 'model', 'policy', 'ticket', 'tui'];
const light = LIGHT.map((folder) => `src/${folder}/**/*.test.ts`);

export default defineConfig({
  test: {
    exclude: ['**/testdata/**', '**/node_modules/**'],
    projects: [
      { extends: true, test: { name: 'light', include: light, isolate: false } },
      { extends: true, test: { name: 'src', include: ['src/**/*.test.ts'], exclude: ['**/testdata/**', ...light] } },
      { extends: true, test: { name: 'test', include: ['test/**/*.test.ts'] } },
    ],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    // Whole products run side by side on few cores there; a second try is shown beside the test's name.
    retry: process.env['CI'] === 'true' ? 1 : 0,
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', createClosingLine((text) => process.stdout.write(text))],
  },
});
