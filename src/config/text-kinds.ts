/** Names as Kubernetes takes them for namespaces and the like. */
export function isDnsLabel(value: string): boolean {
  return /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(value);
}

/** An http:// or https:// URL without a user in it. */
export function isHttpUrl(value: string): boolean {
  return isUrl(value, ['http:', 'https:']);
}

/** Whether it is a repository's address that is safe to hand to git. */
export function isGitRemote(value: string): boolean {
  // A leading dash would be read as an option; `ext::` and its like run programs.
  if (value.startsWith('-') || value.includes('::') || /[\s\0]/.test(value)) return false;
  if (!value.includes('://')) return true;
  if (!URL.canParse(value)) return false;
  const url = new URL(value);
  const named = url.protocol === 'ssh:' ? url.password === '' : url.username === '' && url.password === '';
  return named && ['https:', 'http:', 'ssh:', 'file:'].includes(url.protocol);
}

function isUrl(value: string, protocols: readonly string[]): boolean {
  if (!URL.canParse(value)) return false;
  const url = new URL(value);
  return protocols.includes(url.protocol) && url.hostname !== '' && url.username === '' && url.password === '';
}
