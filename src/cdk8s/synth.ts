import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { transform } from 'esbuild';
import { createSystemClock, toAbortError } from '../lib/clock.ts';
import type { Clock } from '../lib/clock.ts';
import { isAppError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { bundle } from './bundle.ts';
import type { Isolation, IsolationReport } from './isolation.ts';
import { listReadable, runProgram } from './jail-run.ts';
import { readOutput } from './output.ts';
import type { RenderedFile } from './output.ts';
import { loadProjectFile } from './project-file.ts';
import type { ProjectFile } from './project-file.ts';
import { loadToolchain } from './toolchain.ts';
import type { Toolchain } from './toolchain.ts';

export type SynthOutcome =
  | {
      kind: 'rendered';
      /** All manifests of the repository, sorted by path. A file under `output` that is not among them is stale. */
      files: RenderedFile[];
      /** The folder the manifests belong in, relative to the repository. */
      output: string;
      durationMs: number;
    }
  | {
      kind: 'failed';
      stage: 'project' | 'bundle' | 'run' | 'limits' | 'output';
      message: string;
      location?: { file: string; line: number };
    };

interface SynthLimits {
  timeoutMs: number;
  /** JavaScript heap; all memory together may be a fixed amount more. */
  heapMegabytes: number;
  maxOutputBytes: number;
  maxOutputFiles: number;
}

const DEFAULT_LIMITS: SynthLimits = {
  timeoutMs: 30_000,
  heapMegabytes: 512,
  maxOutputBytes: 32_000_000,
  maxOutputFiles: 20_000,
};

// The second rendering of a determinism check believes itself this much later: in another year, month, day and hour.
const CLOCK_OFFSET_MS = 34_567_890_123;

export interface SynthOptions {
  /** Folder whose package.json names the packages programs may import; by default those this program came with. */
  toolchainDir?: string;
  limits?: Partial<SynthLimits>;
  isolation: Isolation;
  /** Renders twice, at two times, and fails when the two differ. Doubles the cost. */
  verifyDeterminism?: boolean;
  clock?: Clock;
  logger: Logger;
}

/** Renders infrastructure repositories. Holds no state between renderings and may be used by many at once. */
export interface Synth {
  /**
   * Renders the repository in `dir` without changing it. What the repository does wrong is a `failed` outcome;
   * throws only when aborted or when this machine cannot run a child.
   */
  render(dir: string, signal?: AbortSignal): Promise<SynthOutcome>;
  readonly isolation: IsolationReport;
}

export function createSynth(options: SynthOptions): Synth {
  const clock = options.clock ?? createSystemClock();
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  let toolchain: Promise<Toolchain> | undefined;
  let prelude: Promise<string> | undefined;

  const renderIn = async (work: string, dir: string, signal: AbortSignal | undefined): Promise<SynthOutcome> => {
    const startedAt = clock.now();
    let project: ProjectFile;
    try {
      project = await loadProjectFile(dir);
    } catch (error) {
      if (!isAppError(error, 'invalid_input')) throw error;
      return { kind: 'failed', stage: 'project', message: error.message };
    }
    const readable = await listReadable(dir);
    if (readable.kind === 'failed') return { kind: 'failed', stage: 'project', message: readable.message };
    const tools = await (toolchain ??= loadToolchain(options.toolchainDir));
    const outfile = join(work, 'bundle.mjs');
    const bundled = await bundle({ dir, entry: project.entry, toolchain: tools, outfile });
    if (bundled.kind === 'failed') return { ...bundled, stage: 'bundle' };
    await writeFile(outfile, bundled.code);
    const runner = join(work, 'run.mjs');
    await writeFile(runner, await (prelude ??= loadPrelude()));

    const renderOnce = async (clockOffsetMs: number): Promise<SynthOutcome> => {
      const outputDir = join(work, `out-${clockOffsetMs}`);
      await mkdir(outputDir);
      const run = await runProgram({
        dir,
        entry: project.entry,
        work,
        runner,
        outfile,
        outputDir,
        clockOffsetMs,
        limits,
        readable: readable.paths,
        toolchain: tools,
        isolation: options.isolation,
        clock,
        signal,
      });
      if (run.kind === 'failed') return run;
      if (!run.synthesised)
        return {
          kind: 'failed',
          stage: 'output',
          message: `${project.entry} ended without calling app.synth()`,
        };
      const output = await readOutput(outputDir, project.output, {
        maxFiles: limits.maxOutputFiles,
        maxBytes: limits.maxOutputBytes,
      });
      if (output.kind === 'failed') return { kind: 'failed', stage: 'output', message: output.message };
      return { kind: 'rendered', files: output.files, output: project.output, durationMs: clock.now() - startedAt };
    };

    const first = await renderOnce(0);
    if (first.kind === 'failed' || options.verifyDeterminism !== true) return first;
    const second = await renderOnce(CLOCK_OFFSET_MS);
    if (second.kind === 'failed') return second;
    const difference = findDifference(first.files, second.files);
    if (difference !== undefined) return { kind: 'failed', stage: 'output', message: difference };
    return { ...first, durationMs: clock.now() - startedAt };
  };

  return {
    isolation: options.isolation.report,
    async render(dir, signal) {
      if (signal?.aborted) throw toAbortError(signal);
      // Real paths: the permission model and the check for links compare texts.
      const work = await mkdtemp(join(await realpath(tmpdir()), 'tiphys-synth-'));
      try {
        const outcome = await renderIn(work, await realpath(dir), signal);
        if (outcome.kind === 'failed')
          options.logger.debug({ stage: outcome.stage, message: outcome.message }, 'synth failed');
        else options.logger.debug({ files: outcome.files.length, durationMs: outcome.durationMs }, 'synth rendered');
        return outcome;
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    },
  };
}

/** The prelude as JavaScript, from the source in a checkout and from the compiled file in an installation. */
async function loadPrelude(): Promise<string> {
  const file = new URL(`./jail/prelude${extname(import.meta.url)}`, import.meta.url);
  const { code } = await transform(await readFile(file, 'utf8'), { loader: 'ts', format: 'esm', target: 'node22' });
  return code;
}

function findDifference(first: readonly RenderedFile[], second: readonly RenderedFile[]): string | undefined {
  const advice = 'rendering the same source twice must give the same bytes: no time, no random values';
  const others = new Map(second.map((file) => [file.path, file.content]));
  for (const file of first) {
    const other = others.get(file.path);
    if (other === undefined) return `${file.path} is rendered only sometimes; ${advice}`;
    if (other === file.content) continue;
    const lines = other.split('\n');
    const at = file.content.split('\n').findIndex((line, index) => line !== lines[index]);
    return `${file.path} differs between two renderings, at line ${at + 1}: ${lines[at]?.trim() ?? ''}; ${advice}`;
  }
  return second.length === first.length ? undefined : `a file is rendered only sometimes; ${advice}`;
}
