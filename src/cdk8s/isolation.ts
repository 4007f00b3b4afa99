import { access, constants } from 'node:fs/promises';
import { exec } from '../lib/exec.ts';

/** What keeps a synth away from the network and from other processes on this machine. For a person to read. */
export interface IsolationReport {
  /** Node's permission model fences files, child processes, threads and native code. Always on. */
  permissions: true;
  /** `namespace`: the kernel gives the child a network without interfaces. `guard`: only our own hooks inside the child. */
  network: 'namespace' | 'guard';
  warnings: string[];
}

/** How a command is wrapped before it is run. Probed once per process with `loadIsolation`. */
export interface Isolation {
  report: IsolationReport;
  /** The argv prefix; empty where the machine offers nothing. */
  wrap(limits: { memoryBytes: number; fileBytes: number }): string[];
}

const FOLDERS = ['/usr/bin', '/bin', '/usr/local/bin', '/usr/sbin', '/sbin'];
// A process namespace as well: without it the child could signal every process of our user, us included.
const NAMESPACES: readonly (readonly string[])[] = [
  ['-r', '-n', '--pid', '--fork', '--kill-child'],
  ['-r', '-n'],
];

/** Tries what this machine allows by running it. `tools` names other places to look in; for machines and tests without them. */
export async function loadIsolation(tools: readonly string[] = FOLDERS): Promise<Isolation> {
  const unshare = await findTool('unshare', tools);
  const prlimit = await findTool('prlimit', tools);
  const warnings: string[] = [];
  let namespace: string[] = [];
  if (unshare !== undefined) {
    for (const flags of NAMESPACES) {
      if (!(await works([unshare, ...flags]))) continue;
      namespace = [unshare, ...flags, '--'];
      break;
    }
  }
  if (namespace.length === 0)
    warnings.push(
      'This machine does not allow user namespaces: while manifests are rendered, the network is blocked by hooks inside the child process only. Allow unprivileged user namespaces (kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns) or run on a kernel that does.',
    );
  else if (!namespace.includes('--pid'))
    warnings.push(
      'This machine does not allow process namespaces: a synth is kept from signalling others by hooks only.',
    );
  const limited = prlimit !== undefined && (await works([prlimit, '--core=0']));
  if (!limited)
    warnings.push('prlimit is not there: the memory of a synth outside the JavaScript heap is not limited.');
  return {
    report: { permissions: true, network: namespace.length > 0 ? 'namespace' : 'guard', warnings },
    wrap: ({ memoryBytes, fileBytes }) => [
      ...namespace,
      ...(limited && prlimit !== undefined
        ? [prlimit, `--data=${memoryBytes}`, `--fsize=${fileBytes}`, '--core=0', '--']
        : []),
    ],
  };
}

async function findTool(name: string, folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const path = `${folder}/${name}`;
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Not here; the next folder may have it.
    }
  }
  return undefined;
}

async function works(prefix: readonly string[]): Promise<boolean> {
  const [file, ...args] = [...prefix, '--', process.execPath, '--version'];
  if (file === undefined) return false;
  const result = await exec(file, args, { env: {}, timeoutMs: 10_000, maxBytes: 10_000 });
  return result.exitCode === 0;
}
