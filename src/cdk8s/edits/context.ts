import type { Edit, EditKind } from '../edit-kinds.ts';
import type { Project } from '../project.ts';
import type { Writing } from '../source/assign.ts';

/** What an edit works with. */
export interface EditContext extends Writing {
  project: Project;
  /** Files to be made (text) or deleted (null), beside the spliced ones. */
  files: Map<string, string | null>;
}

export type EditOf<Kind extends EditKind> = Extract<Edit, { kind: Kind }>;
