import type { Knex } from 'knex';
import pg from 'pg';
import { AppError } from '../lib/errors.ts';

const INT8_OID = 20;
const POOL_MAX = 10;

/** Reads a `postgres://` URL into a Knex configuration; a wrong one is an AppError `config_invalid` that does not repeat it. */
export function toPgConfig(connection: string | undefined): { config: Knex.Config; location: string } {
  const url = parsePgUrl(connection ?? '');
  const config: Knex.Config = {
    client: 'pg',
    connection: {
      connectionString: url.href,
      application_name: 'tiphys',
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
      // A process that stops in the middle of a transaction must not hold the journal lock for ever.
      idle_in_transaction_session_timeout: 60_000,
      types: { getTypeParser },
    } as Knex.PgConnectionConfig,
    pool: { min: 0, max: POOL_MAX },
  };
  return { config, location: toLocation(url) };
}

function parsePgUrl(text: string): URL {
  const hint = 'Set TIPHYS_DB_CONNECTION to postgres://USER:PASSWORD@HOST:PORT/DATABASE.';
  if (!URL.canParse(text)) throw new AppError('config_invalid', 'db.connection is not a URL, which pg needs', { hint });
  const url = new URL(text);
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')
    throw new AppError('config_invalid', `db.connection starts with ${url.protocol}//, but pg needs postgres://`, {
      hint,
    });
  return url;
}

function toLocation(url: URL): string {
  const socketDir = url.searchParams.get('host');
  return `postgres://${socketDir ?? url.host}${url.pathname}`;
}

// The driver reads 64-bit integers as text, since they can pass what a number holds. Ours are counts and sequence
// numbers, which cannot.
function getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === INT8_OID && format !== 'binary') return Number;
  return pg.types.getTypeParser(oid, format as 'text') as (value: string) => unknown;
}
