import { fileURLToPath } from 'node:url';

/** Same host and path; scheme, user, port, case of the host and a closing `.git` do not matter. */
export function isSameRepository(a: string, b: string): boolean {
  return normaliseRepository(a) === normaliseRepository(b);
}

function normaliseRepository(url: string): string {
  const scp = /^(?:[^@/]+@)?([^:/]+):(?!\/\/)(.+)$/.exec(url);
  const text = scp === null ? url : `ssh://${scp[1]}/${scp[2]}`;
  const parsed = /^[a-z][a-z0-9+.-]*:\/\/(?:[^@/]*@)?([^:/]*)(?::\d+)?(\/.*)?$/i.exec(text);
  const host = (parsed?.[1] ?? '').toLowerCase();
  const path = parsed === null ? text : (parsed[2] ?? '');
  return `${host}/${path.replace(/^\/+|\/+$/g, '').replace(/\.git$/, '')}`;
}

/** The folder an address names on this machine, if it names one. */
export function toLocalPath(url: string): string | undefined {
  if (url.startsWith('/')) return url;
  return url.startsWith('file://') ? fileURLToPath(url) : undefined;
}
