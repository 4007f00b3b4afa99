import type { Reporter, TestModule, TestSuite } from 'vitest/node';

/**
 * A reporter that ends the run with one plain line, `N passed, N failed, N skipped`, for programs to read; list it
 * last. A file or suite that broke before its tests could run counts as one failure, as does an error outside of any
 * test, so the line never looks better than the run was.
 */
export function createClosingLine(write: (text: string) => void): Reporter {
  return {
    onTestRunEnd: (modules, unhandledErrors) => {
      const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
      for (const module of modules) {
        for (const test of module.children.allTests()) {
          const { state } = test.result();
          // A test still pending was never reached: the run was stopped, or what it needs broke.
          counts[state === 'pending' ? 'skipped' : state] += 1;
        }
        counts.failed += countBroken(module);
      }
      write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
    },
  };
}

function countBroken(module: TestModule): number {
  const suites: TestSuite[] = [...module.children.allSuites()];
  return [module, ...suites].filter((place) => place.errors().length > 0).length;
}
