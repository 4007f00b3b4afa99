// Runs inside the synth's child process, before and around the repository's program. It fences what Node's permission
// model leaves open (network, signals), makes `App.synth()` write where the parent looks, and reports errors as one line.
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type * as Fs from 'node:fs';
import type * as Path from 'node:path';

interface PreludeOptions {
  /** Main file of the toolchain's cdk8s. */
  cdk8s: string;
  bundle: string;
  repository: string;
  entry: string;
  outputDir: string;
  /** Added to the clock; a second rendering at another time shows output that depends on it. */
  clockOffsetMs: number;
}

interface Cdk8s {
  App: { prototype: { synth(this: { outdir: string }): void } };
  Yaml: { save(path: string, documents: unknown[]): void; load(urlOrFile: string): unknown[] };
}

const options = JSON.parse(process.argv[2] ?? '{}') as PreludeOptions;
const require = createRequire(options.cdk8s);
const fs = require('node:fs') as typeof Fs;
const path = require('node:path') as typeof Path;
const mark = '\u001etiphys ';

class JailError extends Error {
  readonly code = 'ERR_SYNTH_JAIL';
}

function report(error: unknown): void {
  const facts = error instanceof Error ? error : new Error(String(error));
  const { code, permission, resource } = facts as { code?: unknown; permission?: unknown; resource?: unknown };
  const line = JSON.stringify({ message: facts.message, stack: facts.stack, code, permission, resource });
  fs.writeSync(2, `\n${mark}${line}\n`);
}

function forbid(owner: object, names: readonly string[], what: string): void {
  for (const name of names) {
    const refuse = () => {
      throw new JailError(what);
    };
    if (name in owner)
      Object.defineProperty(owner, name, { value: refuse, writable: false, configurable: false, enumerable: true });
  }
}

const load = (name: string) => require(`node:${name}`) as Record<string, object>;

function closeNetwork(): void {
  const what = 'a synth has no network: put what it needs into the repository';
  const net = load('net');
  if (net.Socket !== undefined) forbid((net.Socket as { prototype: object }).prototype, ['connect'], what);
  if (net.Server !== undefined) forbid((net.Server as { prototype: object }).prototype, ['listen'], what);
  forbid(net, ['connect', 'createConnection', 'createServer'], what);
  forbid(load('dgram'), ['createSocket', 'Socket'], what);
  forbid(load('tls'), ['connect', 'createServer'], what);
  for (const name of ['http', 'https']) forbid(load(name), ['request', 'get', 'createServer'], what);
  forbid(load('http2'), ['connect', 'createServer', 'createSecureServer'], what);
  const dns = load('dns');
  for (const owner of [dns, dns.promises ?? {}]) {
    forbid(
      owner,
      Object.keys(owner).filter((name) => /^(lookup|resolve|reverse|Resolver)/.test(name)),
      what,
    );
  }
  forbid(globalThis, ['fetch', 'WebSocket', 'EventSource'], what);
}

function closeProcesses(): void {
  const what = 'a synth runs no other program and no thread';
  const programs = ['spawn', 'spawnSync', 'exec', 'execSync', 'execFile', 'execFileSync', 'fork'];
  forbid(load('child_process'), programs, what);
  forbid(load('worker_threads'), ['Worker'], what);
  forbid(load('cluster'), ['fork'], what);
  forbid(
    process,
    ['kill', '_kill', '_debugProcess', '_debugEnd', 'binding', '_linkedBinding', 'dlopen', 'execve', 'abort'],
    what,
  );
}

function shiftClock(offsetMs: number): void {
  const RealDate = Date;
  const now = () => RealDate.now() + offsetMs;
  const Shifted = new Proxy(RealDate, {
    construct: (target, args: [], newTarget: typeof RealDate) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
    apply: () => new RealDate(now()).toString(),
    get: (target, key) => (key === 'now' ? now : (Reflect.get(target, key) as unknown)),
  });
  Object.defineProperty(globalThis, 'Date', { value: Shifted, writable: true, configurable: true });
}

function adaptCdk8s(): void {
  const cdk8s = require(options.cdk8s) as Cdk8s;
  const { synth } = cdk8s.App.prototype;
  cdk8s.App.prototype.synth = function () {
    // Whatever folder the program names: the parent reads this one, and only this one may be written.
    this.outdir = options.outputDir;
    synth.call(this);
    fs.writeSync(2, `\n${mark}synthesised\n`);
  };
  const { save } = cdk8s.Yaml;
  const saved = new Set<string>();
  cdk8s.Yaml.save = (file, documents) => {
    // Two objects of one kind and name share a file name, and the second would silently replace the first.
    if (saved.has(file))
      throw new JailError(
        `two objects are rendered to ${path.relative(options.outputDir, file)}: one of them needs another name`,
      );
    saved.add(file);
    save.call(cdk8s.Yaml, file, documents);
  };
  // cdk8s starts a program to read even a local file; this reads it here, and only from the repository.
  cdk8s.Yaml.load = (urlOrFile) => {
    if (/^[a-z][a-z0-9+.-]+:\/\//i.test(urlOrFile))
      throw new JailError(`a synth has no network: save ${urlOrFile} in the repository and include the file`);
    const yaml = require('yaml') as { parseAllDocuments(text: string, options: object): { toJSON(): unknown }[] };
    const documents = yaml.parseAllDocuments(fs.readFileSync(urlOrFile, 'utf8'), { version: '1.1' });
    return documents
      .map((document) => document.toJSON())
      .filter((value) => typeof value === 'object' && value !== null && Object.keys(value).length > 0);
  };
}

try {
  closeNetwork();
  closeProcesses();
  syncBuiltinESMExports();
  adaptCdk8s();
  if (options.clockOffsetMs !== 0) shiftClock(options.clockOffsetMs);
  process.argv.splice(0, process.argv.length, 'node', path.join(options.repository, options.entry));
  process.execArgv.splice(0);
  process.on('uncaughtException', (error) => {
    report(error);
    process.exit(70);
  });
  await import(options.bundle);
} catch (error) {
  report(error);
  process.exit(70);
}
