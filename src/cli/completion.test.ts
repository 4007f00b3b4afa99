import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { exec } from '../lib/exec.ts';
import { toCompletionScript } from './completion.ts';
import { createProgram } from './program.ts';

const refuse = () => Promise.reject(new Error('not here'));
const program = createProgram({ startApp: refuse, openTui: refuse, runMcp: refuse });

/** What bash would offer for a line whose last word is being typed. */
async function complete(words: readonly string[]): Promise<string[]> {
  const script = `${toCompletionScript(program, 'bash')}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tiphys; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const result = await exec('bash', ['--norc', '-c', script, 'bash', ...words], {
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    timeoutMs: 20_000,
    maxBytes: 100_000,
  });
  expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  return result.stdout.trimEnd().split('\n');
}

function listPaths(command: Command, path: readonly string[] = []): string[][] {
  return [[...path], ...command.commands.flatMap((one) => listPaths(one, [...path, one.name()]))];
}

describe('toCompletionScript', () => {
  it.each([
    [['tiphys', 'ti'], ['ticket']],
    [
      ['tiphys', 'ticket', 're'],
      ['reject', 'resume', 'retry'],
    ],
    [
      ['tiphys', 'ticket', 'create', 'a title', '--priority', ''],
      ['low', 'medium', 'high', 'critical'],
    ],
    [['tiphys', 'deploy', 'web', '--str'], ['--strategy']],
    [['tiphys', 'deploy', 'web', '--strategy', 'c'], ['canary']],
    [
      ['tiphys', 'completion', ''],
      ['bash', 'zsh', 'fish', '--help'],
    ],
    [['tiphys', 'audit', 'verify', '--j'], ['--json']],
  ])('completes %j in bash', async (words, expected) => {
    expect(await complete(words)).toEqual(expected);
  });

  it('knows every command in every shell', () => {
    const scripts = (['bash', 'zsh', 'fish'] as const).map((shell) => toCompletionScript(program, shell));
    const paths = listPaths(program).filter((path) => path.length > 0);
    expect(paths.length).toBeGreaterThan(30);
    for (const path of paths) {
      expect(scripts[0]).toContain(`    '${path.join(' ')}') words=`);
      expect(scripts[1]).toContain(`    '${path.join(' ')}') words=`);
      expect(scripts[2]).toMatch(new RegExp(`^complete -c tiphys .* -f -a ${path.at(-1) ?? ''} `, 'm'));
    }
  });
});
