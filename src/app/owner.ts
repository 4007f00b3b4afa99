import { hostname } from 'node:os';

/** How this process signs the leases it takes: machine and process. */
export const owner = `${hostname()}/${process.pid}`;

/** Whether a lease's owner ran on this machine and does not any more. One with our own name was here before us, since we have only just begun. */
export function isGoneHere(other: string): boolean {
  const [machine, pid] = other.split('/');
  if (machine !== hostname() || pid === undefined) return false;
  if (Number(pid) === process.pid) return true;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}
