import { join } from 'node:path';
import { existsSync } from 'node:fs';
import { processEnvironment } from '../config/environment.ts';
import { loadConfig, type LoadedConfig } from '../config/load.ts';
import { packageDir } from '../lib/package.ts';

/** The configuration as this process sees it: the `config` folder here, or the one that came with the program. */
export function loadProcessConfig(overrides?: object): LoadedConfig {
  const here = join(process.cwd(), 'config');
  const configDir = existsSync(here) ? here : join(packageDir, 'config');
  return loadConfig({ configDir, env: processEnvironment(), ...(overrides === undefined ? {} : { overrides }) });
}
