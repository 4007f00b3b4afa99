import { isAppError } from '../../lib/errors.ts';
import { listAmbiguousWords } from '../../manifest/yaml-document.ts';
import type { ChangeCheck, SourceFile } from '../change.ts';
import { toPreExisting } from '../change.ts';
import type { Finding } from '../finding.ts';

const CHECK = 'yaml';

/** YAML written by hand that does not say what it seems to: broken files, and bare words Kubernetes reads as something else. */
export const yamlCheck: ChangeCheck = {
  name: CHECK,
  inspect: (input) =>
    input.sourceFiles
      .filter((file) => /\.ya?ml$/i.test(file.path))
      .flatMap((file) => {
        const old = new Set(
          file.before === undefined ? [] : inspectFile({ path: file.path, content: file.before }).map(toIdentity),
        );
        return inspectFile(file).map((finding) => (old.has(toIdentity(finding)) ? toPreExisting(finding) : finding));
      }),
};

function inspectFile(file: SourceFile): Finding[] {
  try {
    return listAmbiguousWords(file.content, file.path).map(({ line, path, text, meaning }) => ({
      check: CHECK,
      severity: 'warning',
      field: `${file.path}:${line}`,
      message: `${path} is the bare word ${text}, which Kubernetes reads as ${meaning}.`,
      fix: `Write "${text}" if text is meant, or ${meaning} if not.`,
    }));
  } catch (error) {
    if (!isAppError(error, 'invalid_input')) throw error;
    const line = error.details['line'];
    return [
      {
        check: CHECK,
        severity: 'error',
        field: typeof line === 'number' ? `${file.path}:${line}` : file.path,
        message: `It cannot be read as YAML: ${error.message}.`,
        fix: 'Correct the file.',
      },
    ];
  }
}

function toIdentity(finding: Finding): string {
  return finding.message.replace(/:\d+:/, ':');
}
