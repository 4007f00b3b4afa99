import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { TOOL_ARGUMENTS, toChatTools } from '../model/openai/tools.ts';
import { NODES } from './graph.ts';

async function readSources(): Promise<Map<string, string>> {
  const root = new URL('../', import.meta.url);
  const paths = (await readdir(root, { recursive: true })).filter(
    (path) => path.endsWith('.ts') && !path.endsWith('.test.ts'),
  );
  return new Map(
    await Promise.all(paths.map(async (path) => [path, await readFile(new URL(path, root), 'utf8')] as const)),
  );
}

/** What a program does, without what is said about it. */
function toCode(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

describe('the agent graph', () => {
  it('stops for a person in the approver and nowhere else, and nothing there catches what stops it', async () => {
    const sources = await readSources();
    const interrupting = [...sources].filter(([, text]) => /\binterrupt\s*\(/.test(toCode(text)));
    expect(interrupting.map(([path]) => path)).toEqual(['agent/approver.ts']);
    const importing = [...sources].filter(([, text]) => /import[^;]*\binterrupt\b/.test(toCode(text)));
    expect(importing.map(([path]) => path)).toEqual(['agent/approver.ts']);
    const approver = toCode(sources.get('agent/approver.ts') ?? '');
    expect(approver).not.toMatch(/\bcatch\b|\bawait\b|\bfetch\b/);
    // What runs again when it is resumed must not do anything before it stops.
    expect(approver.slice(0, approver.indexOf('interrupt(state.hold)'))).not.toMatch(/\bdeps\b|\bemit\b/);
  });

  it('lets three nodes think, none of which pushes, approves or judges', () => {
    const thinking = Object.entries(NODES).flatMap(([name, { thinks }]) => (thinks ? [name] : []));
    expect(thinking).toEqual(['planner', 'executor', 'resolver']);
  });

  it('plans in one node and pushes in another', async () => {
    const users = async (pattern: RegExp) =>
      [...(await readSources())]
        .filter(([path, text]) => path.startsWith('agent/') && pattern.test(toCode(text)))
        .map(([path]) => path)
        .toSorted();
    expect(await users(/repo\.push\(/)).toEqual(['agent/push-booked.ts']);
    expect(await users(/planner\.plan\(/)).toEqual(['agent/planner.ts']);
  });
});

describe('the tools of a model', () => {
  it('read, ask and propose; none of them decides or changes anything', () => {
    expect(Object.keys(TOOL_ARGUMENTS).toSorted()).toEqual([
      'ask_person',
      'list_files',
      'list_services',
      'propose_plan',
      'read_application',
      'read_cluster',
      'read_events',
      'read_file',
      'read_logs',
      'read_resource_tree',
      'recall_memory',
      'search_files',
    ]);
    expect(
      toChatTools({ hasCluster: true })
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(Object.keys(TOOL_ARGUMENTS).toSorted());
  });

  it('are served by functions that only read', async () => {
    const source = toCode((await readSources()).get('agent/planner-tools.ts') ?? '');
    const used = [...source.matchAll(/\b(repo|argo|memory)\.(\w+)\(/g)].map(([, part, name]) => `${part}.${name}`);
    expect([...new Set(used)].toSorted()).toEqual([
      'argo.events',
      'argo.getApplication',
      'argo.listApplications',
      'argo.logs',
      'argo.resourceTree',
      'memory.context',
      'memory.current',
      'memory.scopesOf',
      'repo.listFiles',
      'repo.readFile',
    ]);
  });
});
