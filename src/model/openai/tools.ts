import { z } from 'zod';
import type { CommitSha } from '../../lib/ids.ts';
import type { ChatTool } from './chat.ts';
import { proposalSchema } from './proposal.ts';

/** What every read is bound to. */
export interface ToolContext {
  /** The commit the plan is made for; reads of the repository are reads of this commit. */
  commit: CommitSha;
  signal: AbortSignal;
}

/**
 * What a model may look at. Every function reads and returns text for it; none may change anything. An `AppError` is told
 * to the model as the outcome of its call; other errors too, without their details.
 */
export interface PlannerTools {
  listFiles(input: { under?: string | undefined }, context: ToolContext): Promise<string>;
  /** From `offset` characters on; long files are read in parts. */
  readFile(input: { path: string; offset?: number | undefined }, context: ToolContext): Promise<string>;
  searchFiles(input: { text: string; under?: string | undefined }, context: ToolContext): Promise<string>;
  readApplication(input: { application: string }, context: ToolContext): Promise<string>;
  readResourceTree(input: { application: string }, context: ToolContext): Promise<string>;
  readEvents(input: { application: string; resource?: string | undefined }, context: ToolContext): Promise<string>;
  readLogs(
    input: { application: string; pod: string; container?: string | undefined; previous?: boolean | undefined },
    context: ToolContext,
  ): Promise<string>;
  recallMemory(input: { service: string }, context: ToolContext): Promise<string>;
  /** Left out where there is no kubeconfig; then the model is not told of it. */
  readCluster?(
    input: {
      application: string;
      what: 'events' | 'usage' | 'quotas' | 'object';
      kind?: string | undefined;
      name?: string | undefined;
    },
    context: ToolContext,
  ): Promise<string>;
}

const path = z.string().min(1).max(300);
const name = z.string().min(1).max(253);

/** The arguments of every tool there is. Reading, asking and proposing: nothing in here decides or changes anything. */
export const TOOL_ARGUMENTS = {
  list_files: z.strictObject({ under: path.optional() }),
  read_file: z.strictObject({ path, offset: z.number().int().min(0).optional() }),
  search_files: z.strictObject({ text: z.string().min(1).max(200), under: path.optional() }),
  list_services: z.strictObject({}),
  read_application: z.strictObject({ application: name }),
  read_resource_tree: z.strictObject({ application: name }),
  read_events: z.strictObject({ application: name, resource: name.optional() }),
  read_logs: z.strictObject({
    application: name,
    pod: name,
    container: name.optional(),
    previous: z.boolean().optional(),
  }),
  recall_memory: z.strictObject({ service: name }),
  read_cluster: z.strictObject({
    application: name,
    what: z.enum(['events', 'usage', 'quotas', 'object']),
    kind: name.optional(),
    name: name.optional(),
  }),
  ask_person: z.strictObject({
    question: z.string().trim().min(1).max(1000),
    options: z.array(z.string().min(1).max(300)).max(12).default([]),
  }),
  propose_plan: proposalSchema,
} as const;

export type ToolName = keyof typeof TOOL_ARGUMENTS;

const DESCRIPTIONS: Record<ToolName, string> = {
  list_files: 'Lists the files of the infrastructure repository, optionally under one folder.',
  read_file: 'Reads a file of the repository as text. Long files come in parts: read on with offset.',
  search_files: 'Finds lines that contain a text, in the whole repository or under one folder.',
  list_services: 'Lists the services with environment, workloads, images, replicas, variables and configuration keys.',
  read_application: 'Reads sync status, health and the last operation of an Argo CD Application.',
  read_resource_tree: 'Lists the live resources of an Application with their health.',
  read_events: 'Reads the Kubernetes events of an Application or of one of its resources.',
  read_logs: 'Reads the last log lines of a pod.',
  recall_memory: 'Recalls earlier deploys of a service and how they ended.',
  read_cluster:
    'Reads the cluster around an Application: warnings, usage or quotas of its namespace, or one object of it by kind and name.',
  ask_person: 'Asks the person who wrote the ticket one question and ends this session until it is answered.',
  propose_plan:
    'Proposes the plan and ends this session. Prefer typed "edit" steps; use "edit_source" only for what no edit kind can express, with the whole new text of each file.',
};

export function isToolName(text: string): text is ToolName {
  return Object.hasOwn(TOOL_ARGUMENTS, text);
}

/** The tools as the model is told of them; that of the cluster only where it can be read. */
export function toChatTools({ hasCluster }: { hasCluster: boolean }): ChatTool[] {
  const names = Object.keys(TOOL_ARGUMENTS)
    .filter(isToolName)
    .filter((tool) => hasCluster || tool !== 'read_cluster');
  return names.map((tool) => {
    const { $schema: _, ...parameters } = z.toJSONSchema(TOOL_ARGUMENTS[tool], { io: 'input', target: 'draft-7' });
    return { name: tool, description: DESCRIPTIONS[tool], parameters };
  });
}
