import { addService } from './edits/add-service.ts';
import type { EditContext } from './edits/context.ts';
import { expose } from './edits/expose.ts';
import { removeService } from './edits/remove-service.ts';
import { restart } from './edits/restart.ts';
import { scale } from './edits/scale.ts';
import { setConfig } from './edits/set-config.ts';
import { setEnv } from './edits/set-env.ts';
import { setImage } from './edits/set-image.ts';
import { setResources } from './edits/set-resources.ts';
import { setStrategy } from './edits/set-strategy.ts';
import type { Edit } from './edit-kinds.ts';
import { loadProject } from './project.ts';
import type { Project } from './project.ts';
import { createEditor } from './source/editor.ts';
import { EditRefusal } from './source/refusal.ts';
import type { Refusal } from './source/refusal.ts';

export type EditOutcome =
  | {
      kind: 'edited';
      /** Whole new texts of source files, relative to the repository, sorted; null deletes the file. */
      files: { path: string; content: string | null }[];
      /** What was changed, one line. */
      summary: string;
    }
  | Refusal;

/**
 * Works out one typed change of construct source, without running any of it and without writing: the caller writes the
 * files and renders. `unchanged` means the source says so already, so a repeated edit is safe.
 */
export async function applyEdit(projectOrDir: Project | string, edit: Edit): Promise<EditOutcome> {
  const project = typeof projectOrDir === 'string' ? await loadProject(projectOrDir) : projectOrDir;
  const editor = createEditor();
  const context: EditContext = { project, editor, modules: project.modules, files: new Map() };
  try {
    const summary = dispatch(context, edit);
    const files = [...editor.finish(), ...[...context.files].map(([path, content]) => ({ path, content }))];
    files.sort((a, b) => (a.path < b.path ? -1 : 1));
    return { kind: 'edited', files, summary };
  } catch (error) {
    if (error instanceof EditRefusal) return error.refusal;
    throw error;
  }
}

function dispatch(context: EditContext, edit: Edit): string {
  switch (edit.kind) {
    case 'add_service':
      return addService(context, edit);
    case 'set_image':
      return setImage(context, edit);
    case 'scale':
      return scale(context, edit);
    case 'set_env':
      return setEnv(context, edit);
    case 'set_resources':
      return setResources(context, edit);
    case 'expose':
      return expose(context, edit);
    case 'set_config':
      return setConfig(context, edit);
    case 'restart':
      return restart(context, edit);
    case 'set_strategy':
      return setStrategy(context, edit);
    case 'remove_service':
      return removeService(context, edit);
  }
}
