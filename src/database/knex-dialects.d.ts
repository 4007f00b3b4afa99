// Knex publishes no types for its dialect classes; this is the part that is extended here.
declare module 'knex/lib/dialects/sqlite3/index.js' {
  import type { Knex } from 'knex';

  export interface SqliteTransaction {
    begin(connection: unknown): Promise<unknown>;
    query(connection: unknown, sql: string): Promise<unknown>;
  }

  const SqliteClient: new (config: Knex.Config) => Omit<Knex.Client, 'transaction'> & {
    transaction(...args: unknown[]): SqliteTransaction;
  };
  // eslint-disable-next-line no-restricted-syntax -- the class is all that the module exports
  export default SqliteClient;
}
