import { readFile } from 'node:fs/promises';

/**
 * Names a running process so that its leftovers can be told from its work: the process id and, where the system says
 * so, its start time. Process ids are used again, in containers at once. Undefined where no such process runs.
 */
export async function findProcessMark(pid: number): Promise<string | undefined> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, but belongs to somebody else.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return undefined;
  }
  return `${pid}-${await readStartTime(pid)}`;
}

async function readStartTime(pid: number): Promise<string> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The program's name, in brackets, may itself hold spaces and brackets; the start time is the 20th field after it.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
  } catch {
    return '0';
  }
}
