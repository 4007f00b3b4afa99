import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from './program.ts';

const refuse = () => Promise.reject(new Error('not here'));
const createInertProgram = () => createProgram({ startApp: refuse, openTui: refuse, runMcp: refuse });

/** Every command that does something, by its names. */
function listLeaves(command: Command, path: readonly string[] = []): { path: string; command: Command }[] {
  if (command.commands.length === 0) return [{ path: path.join(' '), command }];
  return command.commands.flatMap((one) => listLeaves(one, [...path, one.name()]));
}

/** The help as it is printed, with what stands behind the options. */
function readHelp(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text;
}

function listExamples(command: Command): string[] {
  const [, block = ''] = readHelp(command).split('\nExamples:\n');
  return block.split('\n').filter((line) => line.trim() !== '');
}

/** The words behind each `tiphys` of a line of shell. */
function listInvocations(line: string): string[][] {
  const words = [...line.replace(/ {2,}#.*$/, '').matchAll(/"([^"]*)"|\S+/g)].map(([whole, quoted]) => quoted ?? whole);
  const runs: string[][] = [];
  let run: string[] | undefined;
  for (const word of words) {
    if (/^(<\()?tiphys$/.test(word)) runs.push((run = []));
    else if (['|', '&&', '<', '>'].includes(word)) run = undefined;
    else run?.push(word.replace(/\)$/, ''));
  }
  return runs;
}

/** The command that a line would run; what it does not take is thrown by the parser. */
async function parse(args: readonly string[]): Promise<string> {
  const program = createInertProgram();
  let called = '';
  for (const { path, command } of listLeaves(program)) {
    command.configureOutput({ writeErr: () => undefined });
    command.action(() => {
      called = path;
    });
  }
  await program.parseAsync([...args], { from: 'user' });
  return called;
}

const leaves = listLeaves(createInertProgram());

describe('the help of every command', () => {
  it('is looked at as a whole', () => expect(leaves.length).toBeGreaterThan(40));

  it.each(leaves)('has examples that $path takes', async ({ path, command }) => {
    const examples = listExamples(command);
    expect(examples).not.toEqual([]);
    for (const example of examples) {
      const called = await Promise.all(listInvocations(example).map(parse));
      expect(called, example).toContain(path);
    }
  });
});
