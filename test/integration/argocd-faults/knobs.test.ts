import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { faultSettingsSchema } from '../../../src/sandbox/faults.ts';

const here = new URL('.', import.meta.url);
const tests = readdirSync(here)
  .filter((name) => name.endsWith('.test.ts') && name !== 'knobs.test.ts')
  .map((name) => readFileSync(new URL(name, here), 'utf8'))
  .join('\n');
const spec = readFileSync(new URL('../../../spec/sandbox.md', import.meta.url), 'utf8');

it.each(Object.keys(faultSettingsSchema.shape))(
  'the knob %s is turned in a test through the client, and described',
  (knob) => {
    expect(tests).toMatch(new RegExp(`\\b${knob}\\b`));
    expect(spec).toContain(`\`${knob}\``);
  },
);
