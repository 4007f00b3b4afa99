import type { LoadedConfig } from '../config/load.ts';
import type { ApiClient } from '../client/api-client.ts';

/** A running Tiphys. */
export interface RunningApp {
  url: string;
  mode: 'embedded_sandbox' | 'configured';
  repository: { url: string; branch: string };
  argocd: { url: string; token: string | undefined; instances: { name: string; server: string }[] };
  database: string;
  warnings: string[];
  /** Ends streams, stops tickets where that is safe, closes everything. Safe to call twice. */
  close(): Promise<void>;
}

/** What the commands are given, so that they need not know how a server is put together. */
export interface Host {
  startApp(loaded: LoadedConfig): Promise<RunningApp>;
  /** Shows the screens on this process's terminal until the person quits or `signal` ends it. */
  openTui(options: {
    client: ApiClient;
    isStandalone: boolean;
    hasColour: boolean;
    signal: AbortSignal;
  }): Promise<void>;
  /** Speaks MCP on this process's standard input and output until the other side goes or `signal` ends it. */
  runMcp(client: ApiClient, signal: AbortSignal): Promise<void>;
}

/** Resolves at the first signal that asks the program to stop; a second one ends it at once. */
export async function untilStopped(): Promise<NodeJS.Signals> {
  return await new Promise((resolve) => {
    let asked = false;
    const stop = (signal: NodeJS.Signals) => {
      if (asked) process.exit(130);
      asked = true;
      resolve(signal);
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
}
