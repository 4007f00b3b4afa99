import { AppError } from '../lib/errors.ts';

/** What `deploy` is asked to change. */
export interface DeployWish {
  service: string;
  image?: string;
  version?: string;
  replicas?: number;
  strategy?: DeployStrategy;
}

export const DEPLOY_STRATEGIES = ['rolling_update', 'canary', 'blue_green'] as const;
export type DeployStrategy = (typeof DEPLOY_STRATEGIES)[number];

// Words would be read as words: a name with a blank in it could say something else than its writer meant.
const SERVICE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const IMAGE = /^[a-z0-9][\w.:/@-]{0,500}$/i;
const VERSION = /^\w[\w.-]{0,127}$/;
const BY: Record<DeployStrategy, string> = {
  rolling_update: 'a rolling update',
  canary: 'canary',
  blue_green: 'blue-green',
};

/**
 * The ticket's title for a wish, in words that the built-in rules understand and a model does too.
 * @throws AppError `invalid_input` for a wish without a change, and for values that are none
 */
export function toDeployTitle({ service, image, version, replicas, strategy }: DeployWish): string {
  const refuse = (what: string, hint: string) => new AppError('invalid_input', what, { hint });
  if (!SERVICE.test(service))
    throw refuse(`"${service}" is not the name of a service`, 'Such as web or order-service.');
  if (image !== undefined && version !== undefined)
    throw refuse('--image and --version say the same thing twice', 'Give one of them.');
  if (image !== undefined && !IMAGE.test(image))
    throw refuse(`"${image}" is not an image`, 'Such as ghcr.io/acme/web:1.5.0.');
  if (version !== undefined && !VERSION.test(version))
    throw refuse(`"${version}" is not a version`, 'A tag of the image, such as 1.5.0.');
  const by = strategy === undefined ? '' : ` using ${BY[strategy]}`;
  const what = image !== undefined ? `using image ${image}` : version !== undefined ? `version ${version}` : undefined;
  if (what !== undefined) {
    const count = replicas === undefined ? '' : ` with ${replicas} replica${replicas === 1 ? '' : 's'}`;
    return `Deploy ${service} ${what}${count}${by}`;
  }
  if (replicas === undefined)
    throw refuse('there is nothing to deploy', 'Give --image, --version or --replicas, or several of them.');
  return `Scale ${service} to ${replicas}${by}`;
}
