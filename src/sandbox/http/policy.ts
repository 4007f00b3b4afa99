/** One line of a policy. `*` in any part stands for anything, slashes included; objects are `<project>/<application>`. */
export interface Right {
  resource: string;
  action: string;
  object: string;
  /** Left out: allow. One that denies goes before all that allow. */
  effect?: 'allow' | 'deny';
}

/** What a client may ask `can-i` about; everything else is refused by name. */
export const RESOURCES = [
  'clusters',
  'projects',
  'applications',
  'applicationsets',
  'repositories',
  'write-repositories',
  'certificates',
  'accounts',
  'gpgkeys',
  'logs',
  'exec',
  'extensions',
];
export const ACTIONS = ['get', 'create', 'update', 'delete', 'sync', 'rollback', 'override', 'action', 'invoke'];

// The roles Argo CD brings, in its own order. An administrator has no right to `action`, only to those below it.
const READ_ONLY = ['applications', 'applicationsets', 'logs'].map((resource) => `${resource}, get, */*`);
const READ_ONLY_GLOBAL = ['certificates', 'clusters', 'repositories', 'projects', 'accounts', 'gpgkeys'];
const ADMIN_APPLICATIONS = ['create', 'update', 'update/*', 'delete', 'delete/*', 'sync', 'override', 'action/*'];
const BUILT_IN = [
  ...READ_ONLY.map((right) => `p, role:readonly, ${right}, allow`),
  ...READ_ONLY_GLOBAL.map((resource) => `p, role:readonly, ${resource}, get, *, allow`),
  ...ADMIN_APPLICATIONS.map((action) => `p, role:admin, applications, ${action}, */*, allow`),
  ...['create', 'update', 'delete'].flatMap((action) =>
    ['clusters', 'repositories', 'projects'].map((resource) => `p, role:admin, ${resource}, ${action}, *, allow`),
  ),
  'p, role:admin, exec, create, */*, allow',
  'g, role:admin, role:readonly',
  'g, admin, role:admin',
].join('\n');

/** What the lines of a policy.csv, and the roles every Argo CD has, give to a name. Throws on a line that is neither `p` nor `g`. */
export function toRights(name: string, policy = ''): Right[] {
  const lines = `${BUILT_IN}\n${policy}`
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(',').map((part) => part.trim().replace(/^"(.*)"$/, '$1')));
  const wrong = lines.find(([kind]) => kind !== 'p' && kind !== 'g');
  if (wrong !== undefined) throw new Error(`not a line of a policy: ${wrong.join(', ')}`);
  const names = new Set([name]);
  // A role may have roles in turn; the set grows while it is walked.
  for (const one of names)
    for (const [kind, member, role = ''] of lines) if (kind === 'g' && member === one) names.add(role);
  return lines.flatMap(([kind, subject = '', resource = '', action = '', object = '', effect]) =>
    kind === 'p' && names.has(subject)
      ? [{ resource, action, object, effect: effect === 'deny' ? ('deny' as const) : ('allow' as const) }]
      : [],
  );
}

export function isAllowed(rights: readonly Right[], resource: string, action: string, object: string): boolean {
  const matching = rights.filter(
    (right) => isMatch(resource, right.resource) && isMatch(action, right.action) && isMatch(object, right.object),
  );
  return matching.length > 0 && matching.every(({ effect }) => effect !== 'deny');
}

export function isMatch(value: string, pattern: string): boolean {
  if (!pattern.includes('*')) return value === pattern;
  const source = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`^${source}$`, 's').test(value);
}
