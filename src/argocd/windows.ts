import type { SyncWindows } from './schema.ts';

/**
 * Whether sync windows keep an application from syncing. The server's `canSync` answers for a sync asked for by a person; a
 * window that lets those through still stops auto-sync, so for that the windows themselves are read.
 */
export function isClosed(windows: SyncWindows, automated: boolean): boolean {
  if (!automated) return !windows.canSync;
  const active = windows.activeWindows;
  if (active.some((window) => window.kind === 'deny')) return true;
  const allows = windows.assignedWindows.some((window) => window.kind === 'allow');
  if (allows) return !active.some((window) => window.kind === 'allow');
  return !windows.canSync;
}

/** The windows in force, for a person: `deny 0 22 * * * for 8h`. */
export function toWindowsText(windows: SyncWindows): string {
  const relevant = windows.activeWindows.length > 0 ? windows.activeWindows : windows.assignedWindows;
  return relevant.map((window) => `${window.kind} ${window.schedule} for ${window.duration}`).join('; ');
}
