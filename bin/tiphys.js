#!/usr/bin/env node
// Plain JavaScript on purpose: an old Node must be able to read this far and say what is wrong.
const minimum = [22, 19];
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < minimum[0] || (major === minimum[0] && minor < minimum[1])) {
  process.stderr.write(
    `tiphys needs Node ${minimum.join('.')} or newer, this is Node ${process.versions.node}. ` +
      'In a checkout, start it with "npm run tiphys -- ..." after "npm ci": that uses the Node 24 which npm installed.\n',
  );
  process.exit(2);
}
const { existsSync } = await import('node:fs');
const { enableCompileCache } = await import('node:module');
const { join } = await import('node:path');
// Halves the time to start. In the person's own folder: what is compiled must not come from one that others write to.
const home = process.env.HOME;
const cache = process.env.XDG_CACHE_HOME || (home && join(home, '.cache'));
if (cache) enableCompileCache(join(cache, 'tiphys', 'compiled'));
// A checkout runs its sources; the published package has only dist.
const source = new URL('../src/main.ts', import.meta.url);
const target = existsSync(source) ? source : new URL('../dist/main.js', import.meta.url);
const { main } = await import(target.href);
await main(process.argv.slice(2));
