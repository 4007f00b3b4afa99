import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createFaults, faultSettingsSchema } from '../../../src/sandbox/faults.ts';

// A knob that nothing reads, that no test turns, or that is turned only to where it stands anyway, proves nothing.

const here = new URL('.', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, here), 'utf8');
const listSources = (folder: string): string[] =>
  readdirSync(new URL(folder, here), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.endsWith('faults.ts'))
    .map((name) => read(`${folder}${name}`));

const tests = readdirSync(here)
  .filter((name) => name.endsWith('.test.ts') && name !== 'knobs.test.ts')
  .map(read)
  .join('\n');
const stand = listSources('../../../src/sandbox/').join('\n');
const spec = read('../../../spec/sandbox.md');
const atRest = createFaults().get();

/** What a test sets a knob to, as it is written there; a bare name where it comes from a variable of that name. */
function listTurns(knob: string): string[] {
  const calls = [...tests.matchAll(/(?:setFaults\(|'\/sandbox\/faults', \{ body: )\{([^;]*)\}\s*\)/g)].map(
    ([, inside = '']) => inside,
  );
  const turn = new RegExp(`(?:^|[\\s{,])${knob}(?:\\s*:\\s*([^,}\\n]+))?(?=[\\s,}]|$)`);
  return calls.flatMap((inside) => {
    const found = turn.exec(inside);
    return found === null ? [] : [found[1]?.trim() ?? knob];
  });
}

it.each(Object.entries(atRest))('the knob %s is described, connected, and turned in a test', (knob, rest) => {
  expect(spec).toContain(`\`${knob}\``);
  expect(stand).toMatch(new RegExp(`\\b${knob === 'applyErrors' ? 'takeApplyError' : knob}\\b`));
  const moved = listTurns(knob).filter((value) => value !== JSON.stringify(rest) && value !== `'${String(rest)}'`);
  expect(moved).not.toEqual([]);
});

it('there are no other knobs', () => {
  expect(Object.keys(atRest).sort()).toEqual(Object.keys(faultSettingsSchema.shape).sort());
});
