import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { AppError, toErrorMessage } from '../lib/errors.ts';
import { DEFAULT_CANARY_STEPS, analysisSchema, listMetrics, rolloutsSchema } from './analysis.ts';
import type { Analysis, CanaryStep } from './analysis.ts';

const relativePath = z
  .string()
  .min(1)
  .max(200)
  .refine(isPlainPath, 'a path inside the repository, with forward slashes, without `..`');

const projectFileSchema = z.strictObject({
  version: z.literal(1),
  entry: relativePath.default('main.ts'),
  output: relativePath.default('dist'),
  charts: relativePath.optional(),
  analysis: analysisSchema.optional(),
  rollouts: rolloutsSchema.optional(),
});

/** What an infrastructure repository says of itself: where things are, relative to its root, and how new versions come in. */
export interface ProjectFile {
  entry: string;
  output: string;
  /** Where the chart of a new service goes; undefined for beside the others. */
  charts: string | undefined;
  /** What new versions are measured by; undefined where nothing measures them. */
  analysis: Analysis | undefined;
  canarySteps: readonly CanaryStep[];
}

// What the cdk8s command line reads; only used where a repository has no tiphys.yaml yet.
const cdk8sFileSchema = z.looseObject({ app: z.string().optional(), output: z.string().optional() });

/**
 * Reads `tiphys.yaml`, else takes entry and output from `cdk8s.yaml`, else the defaults. The `app` command of
 * `cdk8s.yaml` is only looked through for the name of a program; it is never run.
 * Throws `invalid_input` naming the file and every mistake in it.
 */
export async function loadProjectFile(dir: string): Promise<ProjectFile> {
  const own = await readYaml(dir, 'tiphys.yaml');
  if (own !== undefined) {
    const parsed = projectFileSchema.safeParse(own);
    if (!parsed.success)
      throw new AppError('invalid_input', `tiphys.yaml: ${toIssueText(parsed.error)}`, {
        hint: 'Known keys are version (1), entry, output, charts, analysis and rollouts.',
      });
    const { entry, output, charts, analysis, rollouts } = parsed.data;
    const canarySteps = rollouts?.canary?.steps ?? DEFAULT_CANARY_STEPS;
    const hasty = canarySteps.findIndex(({ pause }) => pause === undefined);
    if (hasty >= 0 && listMetrics(analysis, 'analysis').length === 0)
      throw new AppError(
        'invalid_input',
        `tiphys.yaml: rollouts.canary.steps.${hasty}: a step without a pause is over at once, since no analysis measures it`,
        { hint: 'Give the step a pause, or say in `analysis` what a new version is measured by.' },
      );
    return {
      entry: posix.normalize(entry),
      output: trimSlash(output),
      charts: charts === undefined ? undefined : trimSlash(charts),
      analysis,
      canarySteps,
    };
  }
  const cdk8s = cdk8sFileSchema.safeParse((await readYaml(dir, 'cdk8s.yaml')) ?? {});
  const app = cdk8s.success ? cdk8s.data.app : undefined;
  const output = cdk8s.success ? cdk8s.data.output : undefined;
  const program = app?.split(/\s+/).findLast((word) => /\.[cm]?[jt]s$/.test(word));
  return {
    entry: program !== undefined && isPlainPath(program) ? posix.normalize(program) : 'main.ts',
    output: output !== undefined && isPlainPath(output) ? trimSlash(output) : 'dist',
    charts: undefined,
    analysis: undefined,
    canarySteps: DEFAULT_CANARY_STEPS,
  };
}

async function readYaml(dir: string, name: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(join(dir, name), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new AppError('invalid_input', `${name} cannot be read: ${toErrorMessage(error)}`, { cause: error });
  }
  try {
    return parse(text, { maxAliasCount: 10 }) as unknown;
  } catch (error) {
    throw new AppError('invalid_input', `${name} is not YAML: ${toErrorMessage(error)}`, { cause: error });
  }
}

function isPlainPath(path: string): boolean {
  const normal = posix.normalize(path);
  const odd = path.includes('\\') || path.includes('\0') || posix.isAbsolute(path);
  return !odd && normal !== '..' && !normal.startsWith('../') && !normal.split('/').includes('.git');
}

function trimSlash(path: string): string {
  return posix.normalize(path).replace(/\/+$/, '');
}

function toIssueText(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'file'}: ${issue.message}`).join('; ');
}
