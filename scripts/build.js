// Emits dist/ for publishing. Sources run unbuilt everywhere else.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true });
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });

// The page in the browser: its program in one file, beside what is served as it is.
const { bundlePage } = await import('../src/web/assets.ts');
const page = new URL('../dist/web/page/', import.meta.url);
mkdirSync(page, { recursive: true });
writeFileSync(new URL('main.js', page), await bundlePage());
for (const name of ['index.html', 'style.css', 'icon.svg'])
  cpSync(new URL(`../src/web/page/${name}`, import.meta.url), new URL(name, page));
