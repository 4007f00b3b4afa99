import { pino } from 'pino';
import type { Redactor } from './redact.ts';

/** Static message, data in the object. `info` = state changed, `warn` = someone should look. */
export interface Logger {
  debug(data: object, message: string): void;
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
  child(bindings: Record<string, unknown>): Logger;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** JSON lines on standard error, redacted before they are written. */
export function createLogger(level: LogLevel, redactor: Redactor): Logger {
  const root = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { log: (data) => redactor.deep(data) as Record<string, unknown> },
    },
    pino.destination({ fd: 2, sync: true }),
  );
  return root;
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
