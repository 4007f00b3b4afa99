import { initRepository } from '../cdk8s/init.ts';

export async function runInit(folder: string, options: { force: boolean }): Promise<void> {
  const files = await initRepository(folder, options);
  process.stdout.write(`${files.map((file) => `  ${file}`).join('\n')}\n${files.length} files written to ${folder}.\n`);
  process.stdout.write(
    'Next: git init, commit, push, and point an Argo CD ApplicationSet at the folders under dist/.\n',
  );
}
