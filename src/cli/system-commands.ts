import { Argument, InvalidArgumentError, type Command } from 'commander';
import { addConnectionOptions, type ConnectionOptions } from './connect.ts';
import type { AuditListOptions } from './audit.ts';
import type { Terminal } from './terminal.ts';
import { parseLimit } from './ticket-commands.ts';

/** What looks at the whole: `status`, `argocd`, `audit`, `doctor`, `completion`. */
export function addSystemCommands(program: Command, terminal: Terminal): void {
  const status = addConnectionOptions(
    program
      .command('status')
      .description('how the server is, what waits for a person, and what is known of a service')
      .argument('[service]', 'only this service'),
  );
  status.addHelpText(
    'after',
    '\nExit codes: 0 all is well, 1 something the server depends on does not answer, or the last deploy of the service failed.',
  );
  status.action(async (service: string | undefined, options: ConnectionOptions) => {
    const { showService, showStatus } = await import('./status.ts');
    await (service === undefined ? showStatus(terminal, options) : showService(terminal, service, options));
  });

  const argocd = program.command('argocd').description('the Argo CD instances that tickets can be for');
  const instances = addConnectionOptions(
    argocd
      .command('instances')
      .description(
        'whether each is reachable, who we are there, and which rights are missing, with the lines that give them',
      ),
  );
  instances.addHelpText('after', '\nEnds with code 1 where tickets for one of them would not come to a good end.');
  instances.action(async (options: ConnectionOptions) =>
    (await import('./argocd-instances.ts')).listInstances(terminal, options),
  );

  const audit = program.command('audit').description('the chained log of everything that was done');
  const list = addConnectionOptions(audit.command('list').description('list entries, oldest first'))
    .option('--ticket <id>', 'only of this ticket')
    .option('--after <seq>', 'only entries after this one', parseSeq, 0)
    .option('--limit <number>', 'how many at most', parseLimit, 1_000);
  list.action(async (options: AuditListOptions) => (await import('./audit.ts')).listAudit(terminal, options));
  addConnectionOptions(
    audit.command('verify').description('check every hash of the chain; ends with code 1 where one does not fit'),
  ).action(async (options: ConnectionOptions) => (await import('./audit.ts')).verifyAudit(terminal, options));

  const doctor = addConnectionOptions(
    program
      .command('doctor')
      .description('try everything a server would need with the configuration found here, and say what to do'),
  );
  doctor.addHelpText(
    'after',
    '\nReads the same configuration as "tiphys serve". Changes nothing. Ends with code 1 where something is broken.',
  );
  doctor.action(async (options: ConnectionOptions) => (await import('./doctor.ts')).runDoctor(terminal, options));

  const completion = program
    .command('completion')
    .description('print a script that completes commands and options')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']));
  completion.action(async (shell: 'bash' | 'zsh' | 'fish') =>
    terminal.out((await import('./completion.ts')).toCompletionScript(program, shell)),
  );
}

function parseSeq(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
