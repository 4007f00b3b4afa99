import { readFile, realpath, stat } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { dirname, extname, join, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import type { Loader, Message, OnLoadResult, OnResolveArgs, OnResolveResult, Plugin } from 'esbuild';
import type { Toolchain } from './toolchain.ts';

export type BundleOutcome =
  | { kind: 'bundled'; code: string; inputs: string[] }
  | { kind: 'failed'; message: string; location?: { file: string; line: number } };

const EXTENSIONS = ['', '.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '.cjs', '.json', '/index.ts', '/index.js'];
const LOADERS: Record<string, Loader> = {
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.tsx': 'tsx',
  '.js': 'js',
  '.mjs': 'js',
  '.cjs': 'js',
  '.json': 'json',
};
// Builtins that only compute or read files; the rest reach the network, other programs or the runtime itself.
const BUILTINS = new Set(
  'assert assert/strict buffer constants crypto events fs fs/promises module os path path/posix perf_hooks process punycode querystring stream string_decoder timers timers/promises url util util/types zlib'.split(
    ' ',
  ),
);
const MAX_SOURCE_BYTES = 5_000_000;

interface BundleOptions {
  /** Real path of the repository. */
  dir: string;
  entry: string;
  toolchain: Toolchain;
  /** Where the bundle will be written; source map paths are relative to it. */
  outfile: string;
}

/**
 * Joins the repository's program into one module without running any of it. Only files inside the repository are read
 * (symbolic links are followed before that is judged); packages resolve to the toolchain, never to the repository.
 */
export async function bundle(options: BundleOptions): Promise<BundleOutcome> {
  try {
    const result = await build({
      stdin: { contents: `import ${JSON.stringify(`./${options.entry}`)};`, resolveDir: options.dir, loader: 'js' },
      absWorkingDir: options.dir,
      outfile: options.outfile,
      write: false,
      bundle: true,
      metafile: true,
      platform: 'node',
      format: 'esm',
      target: 'node22',
      sourcemap: 'inline',
      sourcesContent: false,
      logLevel: 'silent',
      // Given here, so that esbuild reads no tsconfig.json, whose `extends` could name any file of the machine.
      tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
      define: {
        'import.meta.url': '__tiphys_url',
        'import.meta.dirname': '__dirname',
        'import.meta.filename': '__filename',
      },
      // CommonJS sources keep calling `require` for the toolchain and the builtins.
      banner: {
        js: `import { createRequire as __tiphys_require } from 'node:module'; const require = __tiphys_require(import.meta.url);`,
      },
      plugins: [createFence(options)],
    });
    const code = result.outputFiles[0]?.text ?? '';
    const inputs = Object.keys(result.metafile.inputs).filter((path) => path !== '<stdin>');
    return { kind: 'bundled', code, inputs };
  } catch (error) {
    return toFailure(error, options);
  }
}

function createFence(options: BundleOptions): Plugin {
  return {
    name: 'fence',
    setup(context) {
      context.onResolve({ filter: /.*/ }, (args) => resolve(args, options));
      context.onLoad({ filter: /.*/ }, (args) => load(args.path, options.dir));
    },
  };
}

async function resolve(args: OnResolveArgs, options: BundleOptions): Promise<OnResolveResult> {
  const { path } = args;
  const builtin = path.startsWith('node:') ? path.slice(5) : path;
  if (builtinModules.includes(builtin) || path.startsWith('node:')) {
    if (BUILTINS.has(builtin)) return { path: `node:${builtin}`, external: true };
    return refuse(
      `the builtin module ${builtin} is not available in a synth: it has no network and runs no other program`,
    );
  }
  if (!path.startsWith('.') && !path.startsWith('/')) {
    const file = options.toolchain.resolve(path);
    if (file === undefined)
      return refuse(
        `the package ${path} is not available in a synth; available are ${options.toolchain.packages.join(', ')}. Copy what is needed into the repository`,
      );
    return { path: args.kind === 'require-call' ? file : pathToFileURL(file).href, external: true };
  }
  const base = path.startsWith('/') ? path : join(args.resolveDir, path);
  const found = await findFile(base, path);
  if (found === undefined) return refuse(`cannot find ${path}`);
  const real = await realpath(found);
  if (!isInside(real, options.dir)) return refuse(`${path} leads out of the repository`);
  if (relative(options.dir, real).split(sep).includes('node_modules'))
    return refuse(`${path} leads into node_modules, which is not part of the repository`);
  return { path: real };
}

async function findFile(base: string, specifier: string): Promise<string | undefined> {
  // TypeScript programs may name the file they compile to: `./web.js` for web.ts.
  const swapped = /\.([cm]?)js$/.test(specifier) ? [base.replace(/\.([cm]?)js$/, '.$1ts')] : [];
  for (const candidate of [...EXTENSIONS.map((extension) => base + extension), ...swapped]) {
    try {
      if ((await stat(candidate)).isFile()) return candidate;
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

async function load(path: string, dir: string): Promise<OnLoadResult> {
  const loader = LOADERS[extname(path)];
  if (loader === undefined) return refuse(`${relative(dir, path)} is not a TypeScript, JavaScript or JSON file`);
  const { size } = await stat(path);
  if (size > MAX_SOURCE_BYTES)
    return refuse(`${relative(dir, path)} has ${size} bytes; ${MAX_SOURCE_BYTES} are allowed`);
  const contents = (await readFile(path, 'utf8')).replace(/^\uFEFF/, '');
  return { contents: loader === 'json' ? contents : withOwnPlace(contents, path), loader, resolveDir: dirname(path) };
}

/** In one bundle all modules would share one place; each keeps its own, on the first line so that line numbers stay. */
function withOwnPlace(contents: string, path: string): string {
  const values = { __dirname: dirname(path), __filename: path, __tiphys_url: pathToFileURL(path).href };
  const used = Object.entries(values).filter(
    ([name]) =>
      (contents.includes(name) && !new RegExp(`\\b(?:const|let|var)\\s+${name}\\b`).test(contents)) ||
      contents.includes('import.meta'),
  );
  if (used.length === 0) return contents;
  const line = used.map(([name, value]) => `var ${name} = ${JSON.stringify(value)};`).join(' ');
  return contents.startsWith('#!') ? contents.replace('\n', `\n${line} `) : `${line} ${contents}`;
}

function refuse(text: string): { errors: { text: string }[] } {
  return { errors: [{ text }] };
}

export function isInside(path: string, dir: string): boolean {
  return path === dir || path.startsWith(dir.endsWith(sep) ? dir : dir + sep);
}

function toFailure(error: unknown, options: BundleOptions): BundleOutcome {
  const first = toMessages(error)[0];
  if (first === undefined) return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  const { location } = first;
  if (location === null || location.file === '<stdin>')
    return {
      kind: 'failed',
      message: first.text === `cannot find ./${options.entry}` ? missingEntry(options.entry) : first.text,
    };
  const file = location.file.startsWith('/') ? relative(options.dir, location.file) : location.file;
  return {
    kind: 'failed',
    message: `${file}:${location.line}: ${first.text}`,
    location: { file, line: location.line },
  };
}

function missingEntry(entry: string): string {
  return `the repository has no ${entry}; name its program in tiphys.yaml as \`entry\``;
}

function toMessages(error: unknown): Message[] {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors) ? (error.errors as Message[]) : [];
}
