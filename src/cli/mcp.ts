import type { Command } from 'commander';
import { toErrorMessage } from '../lib/errors.ts';
import { addServerOption, connect } from './connect.ts';
import { untilStopped, type Host } from './host.ts';
import type { Terminal } from './terminal.ts';

/** Adds `tiphys mcp`: what Tiphys knows, for a program that brings a model. */
export function addMcpCommand(program: Command, host: Host, terminal: Terminal): void {
  const command = program
    .command('mcp')
    .description('speak the Model Context Protocol on standard input and output, for editors and agents')
    .addHelpText(
      'after',
      `
A client of a running server: it reads, and proposes tickets where the key in TIPHYS_API_KEY may; it never approves.

Example, in the configuration of the other program:
  {"mcpServers": {"tiphys": {"command": "tiphys", "args": ["mcp"], "env": {"TIPHYS_API_KEY": "..."}}}}
`,
    )
    .action(async (options: { server?: string }) => {
      const client = connect(options, terminal);
      const stop = new AbortController();
      void untilStopped().then(() => stop.abort());
      // Other programs start this one early and once; a server that comes later is found by the next call.
      try {
        const { actor, access } = await client.me();
        terminal.err(`Connected to ${client.baseUrl} as ${actor} (${access}).`);
      } catch (error) {
        terminal.err(`${toErrorMessage(error)}. The tools will say so until that is mended.`);
      }
      await host.runMcp(client, stop.signal);
    });
  addServerOption(command);
}
