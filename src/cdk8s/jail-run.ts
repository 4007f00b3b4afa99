import { readdir, realpath, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { toAbortError } from '../lib/clock.ts';
import type { Clock } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { exec } from '../lib/exec.ts';
import type { ExecResult } from '../lib/exec.ts';
import { isInside } from './bundle.ts';
import type { Isolation } from './isolation.ts';
import type { Toolchain } from './toolchain.ts';

interface RunOptions {
  dir: string;
  entry: string;
  work: string;
  runner: string;
  outfile: string;
  outputDir: string;
  clockOffsetMs: number;
  limits: { timeoutMs: number; heapMegabytes: number; maxOutputBytes: number };
  readable: readonly string[];
  toolchain: Toolchain;
  isolation: Isolation;
  clock: Clock;
  signal: AbortSignal | undefined;
}

type RunOutcome =
  | {
      kind: 'ended';
      /** False where the program ended without calling app.synth(). */
      synthesised: boolean;
    }
  | { kind: 'failed'; stage: 'run' | 'limits'; message: string; location?: { file: string; line: number } };

// Beside the JavaScript heap. V8 reserves 512 MB for code alone, and the kernel counts it: below 700 MB Node 24 does not start.
const NATIVE_MEGABYTES = 1_024;
// What the prelude begins its lines with.
const MARK = '\u001etiphys ';
const WATCH_MS = 100;
const MAX_ENTRIES = 50_000;

/**
 * What of the repository the child may read: every top-level entry but `.git` and `node_modules`. Node's permission
 * model follows links out of an allowed folder, so a link that leads out of the repository is refused beforehand.
 */
export async function listReadable(
  dir: string,
): Promise<{ kind: 'listed'; paths: string[] } | { kind: 'failed'; message: string }> {
  const paths: string[] = [];
  let entries = 0;
  const walk = async (folder: string): Promise<string | undefined> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (folder === dir && (entry.name === '.git' || entry.name === 'node_modules')) continue;
      entries += 1;
      if (entries > MAX_ENTRIES) return `the repository has more than ${MAX_ENTRIES} files`;
      if (entry.isSymbolicLink()) {
        const target = await realpath(path).catch(() => undefined);
        if (target !== undefined && !isInside(target, dir))
          return `${relative(dir, path)} is a link that leads out of the repository`;
      }
      if (folder === dir) paths.push(entry.isDirectory() ? `${path}/` : path);
      if (entry.isDirectory()) {
        const message = await walk(path);
        if (message !== undefined) return message;
      }
    }
    return undefined;
  };
  const message = await walk(dir);
  return message === undefined ? { kind: 'listed', paths } : { kind: 'failed', message };
}

/** Runs the bundled program in a child that can read the repository and the toolchain and write one folder. */
export async function runProgram(options: RunOptions): Promise<RunOutcome> {
  const { limits } = options;
  const memoryBytes = (limits.heapMegabytes + NATIVE_MEGABYTES) * 1_000_000;
  const preludeOptions = {
    cdk8s: options.toolchain.cdk8s,
    bundle: options.outfile,
    repository: options.dir,
    entry: options.entry,
    outputDir: options.outputDir,
    clockOffsetMs: options.clockOffsetMs,
  };
  const read = [options.runner, options.outfile, `${options.outputDir}/`, ...options.readable];
  const argv = [
    ...options.isolation.wrap({ memoryBytes, fileBytes: limits.maxOutputBytes }),
    process.execPath,
    '--permission',
    ...read.map((path) => `--allow-fs-read=${path}`),
    ...options.toolchain.folders.map((path) => `--allow-fs-read=${path}/`),
    `--allow-fs-write=${options.outputDir}/`,
    `--max-old-space-size=${limits.heapMegabytes}`,
    '--enable-source-maps',
    '--no-warnings',
    options.runner,
    JSON.stringify(preludeOptions),
  ];
  const stop = new AbortController();
  const watching = watchSize(options, stop);
  const [file = process.execPath, ...args] = argv;
  const result = await exec(file, args, {
    cwd: options.dir,
    // Nothing of ours; the two that are set make output the same on every machine.
    env: { TZ: 'UTC', LANG: 'C.UTF-8' },
    timeoutMs: limits.timeoutMs,
    maxBytes: 1_000_000,
    signal: options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]),
  });
  const tooBig = stop.signal.aborted;
  stop.abort();
  await watching;
  if (options.signal?.aborted) throw toAbortError(options.signal);
  if (tooBig || result.stderr.includes('EFBIG'))
    return {
      kind: 'failed',
      stage: 'limits',
      message: `${options.entry} wrote more than ${limits.maxOutputBytes} bytes of output`,
    };
  return judge(result, options);
}

async function watchSize(options: RunOptions, stop: AbortController): Promise<void> {
  while (!stop.signal.aborted) {
    try {
      await options.clock.sleep(WATCH_MS, stop.signal);
    } catch {
      return;
    }
    if ((await measure(options.outputDir, options.limits.maxOutputBytes)) > options.limits.maxOutputBytes) stop.abort();
  }
}

async function measure(dir: string, enough: number): Promise<number> {
  let bytes = 0;
  // Entries come and go while the child writes; whatever cannot be read now is counted the next time.
  for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => [])) {
    const path = join(dir, entry.name);
    bytes += entry.isDirectory()
      ? await measure(path, enough - bytes)
      : await stat(path).then(
          (info) => info.size,
          () => 0,
        );
    if (bytes > enough) break;
  }
  return bytes;
}

function judge(result: ExecResult, options: RunOptions): RunOutcome {
  const { limits, entry } = options;
  switch (result.ended) {
    case 'timed_out':
      return { kind: 'failed', stage: 'limits', message: `${entry} did not end within ${limits.timeoutMs / 1000} s` };
    case 'output_limit':
      return { kind: 'failed', stage: 'limits', message: `${entry} printed more than 1 MB` };
    case 'not_started':
      throw new AppError('internal', `the synth process could not be started: ${result.stderr}`);
    case 'aborted':
    case 'killed':
    case 'exited':
      break;
  }
  if (/out of memory|ERR_MEMORY_ALLOCATION_FAILED|Array buffer allocation failed/.test(result.stderr))
    return {
      kind: 'failed',
      stage: 'limits',
      message: `${entry} needed more than ${limits.heapMegabytes} MB of memory`,
    };
  if (result.exitCode === 0) return { kind: 'ended', synthesised: result.stderr.includes(`${MARK}synthesised`) };
  const report = findReport(result.stderr);
  if (report !== undefined) return { kind: 'failed', stage: 'run', ...explain(report, options) };
  if (result.exitCode === undefined)
    return { kind: 'failed', stage: 'limits', message: `${entry} was killed, most likely for the memory it took` };
  const tail = result.stderr.trim().split('\n').slice(-3).join(' ').slice(0, 500);
  return {
    kind: 'failed',
    stage: 'run',
    message: `${entry} ended with code ${result.exitCode}${tail === '' ? '' : `: ${tail}`}`,
  };
}

const reportSchema = z.object({
  message: z.string(),
  stack: z.string().optional(),
  code: z.unknown().optional(),
  permission: z.unknown().optional(),
  resource: z.unknown().optional(),
});
type Report = z.infer<typeof reportSchema>;

function findReport(stderr: string): Report | undefined {
  const line = stderr.split('\n').findLast((text) => text.startsWith(`${MARK}{`));
  if (line === undefined) return undefined;
  try {
    return reportSchema.parse(JSON.parse(line.slice(MARK.length)));
  } catch {
    return undefined;
  }
}

function explain(report: Report, options: RunOptions): { message: string; location?: { file: string; line: number } } {
  const location = findLocation(report.stack ?? '', options.dir);
  const where = location === undefined ? options.entry : `${location.file}:${location.line}`;
  const message = `${where}: ${toReason(report)}`.replaceAll(options.work, '<work>').slice(0, 2000);
  return location === undefined ? { message } : { message, location };
}

function toReason(report: Report): string {
  if (report.code !== 'ERR_ACCESS_DENIED') return report.message;
  const resource = typeof report.resource === 'string' ? report.resource : '';
  switch (report.permission) {
    case 'FileSystemRead':
      return `a synth may read only the repository, not ${resource}; put the file into the repository`;
    case 'FileSystemWrite':
      return `a synth may write only through app.synth(), not to ${resource}`;
    case 'ChildProcess':
    case 'WorkerThreads':
      return 'a synth runs no other program and no thread (Helm and URL includes need one): render that chart once, commit the result and include the file';
    default:
      return report.message;
  }
}

function findLocation(stack: string, dir: string): { file: string; line: number } | undefined {
  for (const match of stack.matchAll(/(file:\/\/[^\s)]+|\/[^\s()]+):(\d+):\d+/g)) {
    const [, source = '', line = ''] = match;
    const path = source.startsWith('file:') ? fileURLToPath(source) : source;
    if (isInside(path, dir)) return { file: relative(dir, path), line: Number(line) };
  }
  return undefined;
}
