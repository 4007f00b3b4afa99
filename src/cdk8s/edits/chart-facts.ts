import type { Code, Style } from '../source/code.ts';
import type { EditOf } from './context.ts';
import type { KnownImage } from './known-images.ts';

/** One property of an object literal to be written. */
export type Entry = readonly [string, Code];

/** What a new chart is written from. */
export interface ChartOptions {
  edit: EditOf<'add_service'>;
  className: string;
  known: KnownImage | undefined;
  style: Style;
}

/** The Secret a new service reads what must not stand in the repository from, and the key of each variable in it. */
export function toSecretName(service: string): string {
  return `${service}-credentials`;
}

export function toSecretKey(variable: string): string {
  return variable.toLowerCase().replaceAll('_', '-');
}

/** Variables the image insists on that the ticket did not give. */
export function listMissingEnv(edit: EditOf<'add_service'>, known: KnownImage | undefined): string[] {
  return (known?.requiredEnv ?? []).filter((name) => edit.env[name] === undefined);
}

export function toVolumeName(path: string, known: KnownImage | undefined): string {
  return path === (known?.dataPath ?? '/data') ? 'data' : path.slice(1).replaceAll('/', '-');
}
