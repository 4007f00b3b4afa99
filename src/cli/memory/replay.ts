import { closeSync, openSync, writeSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { exec } from '../../lib/exec.ts';
import { AppError, toErrorMessage } from '../../lib/errors.ts';
import { GIT_LOG_FORMAT, importGitHistory, parseGitLog } from '../../memory/import-git.ts';
import { PREDICTIONS_HEADER, replayHistory, toPredictionLine } from '../../memory/replay.ts';
import { formatPercent } from '../../memory/strategy.ts';
import type { Terminal } from '../terminal.ts';
import { print } from './connection.ts';
import { openLines } from './lines.ts';

const FLUSH_AT = 256 * 1024;

/** Predicts every deploy of a history from the lines before it. Offline: no server is asked. */
export async function replay(
  file: string,
  options: { predictions?: string; summary?: string; json?: true },
  terminal: Terminal,
): Promise<void> {
  const table = options.predictions === undefined ? undefined : openTable(options.predictions);
  try {
    const summary = await replayHistory(withoutSayings(openLines(file)), {
      ...(table === undefined ? {} : { onPrediction: (prediction) => table.write(toPredictionLine(prediction)) }),
    });
    if (options.summary !== undefined) await writeFile(options.summary, `${JSON.stringify(summary, null, 2)}\n`);
    const { deploys, outcomes, open, all } = summary;
    print(options, terminal, summary, [
      `${deploys} deploys, ${outcomes} with an outcome, ${open} without; ${all.failures} of ${all.deploys} judged ones failed.`,
      `Log loss ${all.logLoss.toFixed(4)}, that of the plain rate so far ${all.baseLogLoss.toFixed(4)} (${all.logLossOfBase.toFixed(3)} of it).`,
      ...Object.entries(summary.environments).map(
        ([name, { deploys: judged, failures, logLossOfBase }]) =>
          `  ${name}: ${judged} judged, ${formatPercent(judged === 0 ? 0 : failures / judged)} failed, ` +
          `log loss ${logLossOfBase.toFixed(3)} of that of the plain rate`,
      ),
    ]);
  } finally {
    table?.close();
  }
}

/** An export also holds notes and pins, which are no events. Blank lines keep the numbers of the others. */
async function* withoutSayings(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield /^\s*\{"type":"(?:note|pin)"/.test(line) ? '' : line;
}

/** Lines of a file that is written as they come, in pieces, since there may be a million. */
function openTable(path: string): { write(line: string): void; close(): void } {
  let handle: number;
  try {
    handle = openSync(path, 'w');
  } catch (error) {
    throw new AppError('invalid_input', `${path} cannot be written: ${toErrorMessage(error)}`, { cause: error });
  }
  let buffer = `${PREDICTIONS_HEADER}\n`;
  const flush = () => {
    // One call may take only a part, as with a pipe.
    let rest = Buffer.from(buffer);
    while (rest.length > 0) rest = rest.subarray(writeSync(handle, rest));
    buffer = '';
  };
  return {
    write: (line) => {
      buffer += `${line}\n`;
      if (buffer.length >= FLUSH_AT) flush();
    },
    close: () => {
      flush();
      closeSync(handle);
    },
  };
}

const GIT_TIMEOUT_MS = 5 * 60_000;
const MAX_LOG_BYTES = 512 * 1024 * 1024;

/** Prints the deploys that the commit titles of a git repository tell of, as lines for `memory replay` and `memory import`. */
export async function importGit(
  repository: string,
  options: { branch: string; environment: string },
  terminal: Terminal,
): Promise<void> {
  const { branch, environment } = options;
  const selection = ['--reverse', '--no-merges', `--format=${GIT_LOG_FORMAT}`];
  const args = [
    '--no-pager',
    'log',
    ...selection,
    '--no-show-signature',
    '--no-color',
    '--end-of-options',
    branch,
    '--',
  ];
  const result = await exec('git', args, {
    cwd: repository,
    env: {
      PATH: terminal.env['PATH'] ?? '/usr/bin:/bin',
      // The settings of this user and machine could run programs and change the form of the log.
      ...{ GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' },
    },
    timeoutMs: GIT_TIMEOUT_MS,
    maxBytes: MAX_LOG_BYTES,
  });
  if (result.exitCode !== 0)
    throw new AppError('invalid_input', `the history of ${repository} cannot be read: ${toReason(result)}`, {
      hint: 'Name the folder of a git repository that you own, and one of its branches with --branch.',
    });
  for (const event of importGitHistory(parseGitLog(result.stdout), environment)) terminal.out(JSON.stringify(event));
}

function toReason({ ended, stderr }: { ended: string; stderr: string }): string {
  const [line = ''] = stderr.trim().split('\n');
  return line === '' ? ended.replaceAll('_', ' ') : line;
}
