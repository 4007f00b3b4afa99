import { InvalidArgumentError, Option, type Command } from 'commander';
import { addConnectionOptions, type ConnectionOptions } from './connect.ts';
import { DEPLOY_STRATEGIES, toDeployTitle, type DeployWish } from './deploy-words.ts';
import type { Terminal } from './terminal.ts';
import { priorityOption, waitOption } from './ticket-commands.ts';

interface DeployOptions extends ConnectionOptions, Omit<DeployWish, 'service'> {
  environment?: string;
  target?: string;
  priority?: string;
  wait?: true;
}

/** `deploy`: a ticket without having to find the words. */
export function addDeployCommand(program: Command, terminal: Terminal): void {
  const deploy = addConnectionOptions(
    program
      .command('deploy')
      .description('open a ticket that deploys or scales a service')
      .argument('<service>', 'its name'),
  )
    .option('--image <image>', 'the whole image; a service that is missing is added')
    .option('--version <tag>', 'another version of the image it has')
    .option('--replicas <number>', 'how many pods', parseReplicas)
    .addOption(new Option('--strategy <name>', 'how it is rolled out').choices([...DEPLOY_STRATEGIES]))
    .option('--environment <name>', 'the environment that is meant')
    .option('--target <name>', 'the Argo CD instance it is for; the default one where it is left out')
    .addOption(priorityOption())
    .addOption(waitOption());
  deploy.addHelpText('after', '\nThe plan waits for a person like that of every other ticket.');
  deploy.action(async (service: string, options: DeployOptions) => {
    const title = toDeployTitle({ service, ...options });
    const { environment, priority, target: instance } = options;
    const target = {
      ...(environment === undefined ? {} : { environment }),
      ...(instance === undefined ? {} : { instance }),
    };
    await (
      await import('./ticket-actions.ts')
    ).openTicket(terminal, options, {
      title,
      target,
      ...(priority === undefined ? {} : { priority }),
    });
  });
}

function parseReplicas(text: string): number {
  const replicas = Number(text);
  if (text.trim() === '' || !Number.isInteger(replicas) || replicas < 0 || replicas > 1_000)
    throw new InvalidArgumentError('It must be a whole number from 0 to 1000.');
  return replicas;
}
