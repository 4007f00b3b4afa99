import { describe, expect, it } from 'vitest';
import { TOOL_ARGUMENTS, toChatTools } from './tools.ts';

describe('the tools of a model', () => {
  it('are these and no others: it reads, asks and proposes', () => {
    // A new name here needs a reason: nothing in this list may decide, write, push, sync or remember.
    expect(toChatTools({ hasCluster: true }).map(({ name }) => name)).toEqual([
      'list_files',
      'read_file',
      'search_files',
      'list_services',
      'read_application',
      'read_resource_tree',
      'read_events',
      'read_logs',
      'recall_memory',
      'read_cluster',
      'ask_person',
      'propose_plan',
    ]);
  });

  it('are without that of the cluster where there is no kubeconfig', () => {
    const names = toChatTools({ hasCluster: false }).map(({ name }) => name);
    expect(Object.keys(TOOL_ARGUMENTS).filter((name) => !names.some((one) => one === name))).toEqual(['read_cluster']);
  });

  it('have names that speak of no decision', () => {
    const decisions =
      /approve|grant|deny|push|commit|merge|sync|apply|promote|rollback|revert|remember|record|write|delete|exec|deploy/u;
    expect(Object.keys(TOOL_ARGUMENTS).filter((name) => decisions.test(name))).toEqual([]);
  });

  it('are described as JSON Schema objects that take nothing unknown', () => {
    for (const { name, description, parameters } of toChatTools({ hasCluster: true })) {
      expect(parameters, name).toMatchObject({ type: 'object', additionalProperties: false });
      expect(description.length, name).toBeGreaterThan(10);
      expect(JSON.stringify(parameters), name).not.toContain('$schema');
    }
  });
});
