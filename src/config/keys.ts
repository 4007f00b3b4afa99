import { SETTINGS, type SettingTree } from './schema.ts';
import type { Setting } from './setting.ts';

/** A setting with its place: `server.apiKeys` is read from `TIPHYS_SERVER_API_KEYS`. */
export interface SettingEntry {
  key: string;
  variable: string;
  setting: Setting<unknown>;
}

/** Every setting in the order of the schema. */
export function listSettings(): SettingEntry[] {
  return walk(SETTINGS, []);
}

export function isSetting(node: Setting<unknown> | SettingTree): node is Setting<unknown> {
  return typeof node['isValid'] === 'function';
}

function walk(tree: SettingTree, above: readonly string[]): SettingEntry[] {
  return Object.entries(tree).flatMap(([name, node]) => {
    const path = [...above, name];
    return isSetting(node) ? [{ key: path.join('.'), variable: toVariable(path), setting: node }] : walk(node, path);
  });
}

function toVariable(path: readonly string[]): string {
  return ['TIPHYS', ...path.map((name) => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase())].join('_');
}
