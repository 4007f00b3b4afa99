import { readFileSync } from 'node:fs';
import type { Clock } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { createTokenCredentials, type Credentials } from './credentials.ts';

interface FileCredentialsDeps {
  clock: Clock;
  logger: Logger;
  /** Told of every token before it is used, so that it can be masked in what is logged. */
  learn: (token: string) => void;
}

/**
 * An API token that stands in a file, as secrets mounted into a pod do. It is read when it is first needed, and again when
 * the server refuses it: a token that was rotated there works without a restart.
 */
export function createFileCredentials(file: string, { clock, logger, learn }: FileCredentialsDeps): Credentials {
  let current: { text: string; credentials: Credentials } | undefined;

  const read = () => {
    const text = readFileSync(file, 'utf8')
      .trim()
      .replace(/^Bearer\s+/i, '');
    learn(text);
    return { text, credentials: createTokenCredentials(text, clock, logger) };
  };
  const open = () => {
    try {
      return read();
    } catch (error) {
      throw new AppError('config_invalid', `the Argo CD token cannot be taken from the file ${file}`, {
        cause: error,
        hint: 'Give the path of a file that holds the token alone and that this process may read.',
      });
    }
  };

  return {
    token: async () => {
      current ??= open();
      return await current.credentials.token();
    },
    refuse: (token) => {
      try {
        const fresh = read();
        // Another call may have found the new one already: then this one tries again with it.
        if (fresh.text !== current?.text) current = fresh;
        return fresh.text !== token;
      } catch {
        // Gone or half written: what the server said about the old one stands.
        return false;
      }
    },
    expiry: () => current?.credentials.expiry() ?? { state: 'none' },
  };
}
