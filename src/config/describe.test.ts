import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { toConfigReference } from './describe.ts';
import { listSettings } from './keys.ts';

it('names every setting once in the reference, with its variable', () => {
  const rows = toConfigReference().split('\n').slice(2);
  expect(rows).toHaveLength(listSettings().length);
  expect(rows.find((row) => row.startsWith('| `git.repoUrl` |'))).toContain('`TIPHYS_GIT_REPO_URL`');
});

it('gives every setting a variable of its own', () => {
  const variables = listSettings().map((entry) => entry.variable);
  expect(new Set(variables).size).toBe(variables.length);
  expect(variables.every((variable) => /^TIPHYS_[A-Z0-9_]+$/.test(variable))).toBe(true);
});

it('has a default that is allowed for every setting', () => {
  const wrong = listSettings().filter(({ setting }) => !setting.isValid(setting.default));
  expect(wrong.map((entry) => entry.key)).toEqual([]);
});

// `npx vitest run src/config -u` writes the page anew after a change of the schema.
it('stands in the configuration page as it is', async () => {
  const page = new URL('../../spec/configuration.md', import.meta.url);
  const heading = '## Every setting\n';
  const [before] = (await readFile(page, 'utf8')).split(heading);
  await expect(`${before ?? ''}${heading}\n${toConfigReference()}\n`).toMatchFileSnapshot(fileURLToPath(page));
});
