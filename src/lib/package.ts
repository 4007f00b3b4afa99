import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The package's own folder, the same from source and from the published build. */
export const packageDir = fileURLToPath(new URL('../../', import.meta.url));

/** The version in package.json. */
export const packageVersion = readVersion();

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const hasVersion = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return hasVersion ? String(manifest.version) : 'unknown';
}
