import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { build } from 'esbuild';

/** One file of the page as it is sent. */
export interface Asset {
  type: string;
  body: Buffer;
}

const TYPES: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'main.js': 'text/javascript; charset=utf-8',
  'style.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
};

const FOLDER = new URL('./page/', import.meta.url);
const isBuilt = existsSync(new URL('main.js', FOLDER));

/**
 * The files of the page, by name. The published package has them bundled; in a checkout they are bundled the first time
 * they are asked for, which takes a fraction of a second.
 */
export function createAssets(): () => Promise<ReadonlyMap<string, Asset>> {
  let assets: Promise<ReadonlyMap<string, Asset>> | undefined;
  return async () => {
    assets ??= readAssets();
    try {
      return await assets;
    } catch (error) {
      assets = undefined;
      throw error;
    }
  };
}

async function readAssets(): Promise<ReadonlyMap<string, Asset>> {
  const entries = await Promise.all(
    Object.entries(TYPES).map(async ([name, type]): Promise<[string, Asset]> => {
      const body = name === 'main.js' && !isBuilt ? await bundlePage() : await readFile(new URL(name, FOLDER));
      return [name, { type, body }];
    }),
  );
  return new Map(entries);
}

/** The page's program in one file. */
export async function bundlePage(): Promise<Buffer> {
  const result = await build({
    entryPoints: [new URL('main.tsx', FOLDER).pathname],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'silent',
  });
  const [file] = result.outputFiles;
  return Buffer.from(file?.contents ?? new Uint8Array());
}
