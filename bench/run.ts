// npm run bench -- NAME [ARGS]: each bench brings its own floor or peer and prints ratios measured in one run.
interface Bench {
  run(args: string[]): Promise<void>;
}

const BENCHES: Record<string, () => Promise<Bench>> = {
  memory: async () => await import('./memory/run.ts'),
  'ticket-push': async () => await import('./ticket-push/run.ts'),
  watch: async () => await import('./watch/run.ts'),
};

const [name, ...args] = process.argv.slice(2);
const load = name === undefined ? undefined : BENCHES[name];
if (load === undefined) {
  process.stderr.write(`usage: npm run bench -- NAME\nbenches: ${Object.keys(BENCHES).join(', ')}\n`);
  process.exitCode = 2;
} else {
  await (await load()).run(args);
}
