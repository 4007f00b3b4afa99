// What people and other programs do with the deploy memory. The same conventions as in the first migration.

const json = (table, name) => table.text(name);
const time = (table, name) => table.string(name, 40);
const id = (table, name) => table.string(name, 64);
const word = (table, name) => table.string(name, 64);
const name = (table, column) => table.string(column, 512);

/** @param {import('knex').Knex} knex */
export async function up(knex) {
  await placeFacts(knex);
  await createCorrections(knex);
  await createOccurrences(knex);
  await createOutbox(knex);
}

/** @param {import('knex').Knex} knex */
export async function down(knex) {
  for (const table of ['event_outbox', 'occurrences', 'memory_corrections']) await knex.schema.dropTable(table);
  for (const table of ['deploy_outcomes', 'deploys']) {
    await knex.schema.alterTable(table, (alter) => {
      alter.dropIndex(['told_at', 'recorded_seq'], `${table}_told`);
      alter.dropColumn('told_at');
    });
  }
  await knex.schema.alterTable('deploys', (table) => table.dropColumn('image'));
}

async function placeFacts(knex) {
  await knex.schema.alterTable('deploys', (table) => {
    // Registry and repository of the image, without tag and digest.
    name(table, 'image');
    // Facts are told to the memory in the order of (told_at, recorded_seq). For what is observed here that is the order
    // in which it became known; what is imported is told where it belongs in time.
    time(table, 'told_at');
    table.index(['told_at', 'recorded_seq'], 'deploys_told');
  });
  await knex.schema.alterTable('deploy_outcomes', (table) => {
    time(table, 'told_at');
    table.index(['told_at', 'recorded_seq'], 'deploy_outcomes_told');
  });
  await knex('deploys').update({ told_at: knex.ref('started_at') });
  await knex('deploy_outcomes').update({ told_at: knex.ref('at') });
}

/** Everything a person changes about the memory, and every import: facts of their own, numbered together with the others. */
async function createCorrections(knex) {
  await knex.schema.createTable('memory_corrections', (table) => {
    table.bigInteger('recorded_seq').primary();
    time(table, 'at').notNullable();
    name(table, 'actor').notNullable();
    word(table, 'kind').notNullable();
    // Empty where it is about no single place, as with an import.
    name(table, 'cluster');
    name(table, 'environment');
    name(table, 'namespace');
    name(table, 'service');
    word(table, 'fingerprint_class');
    table.text('fingerprint_signature');
    table.double('factor');
    word(table, 'strategy');
    table.text('text');
    // What was known of a failure when it was pinned; where an import came from and what it held.
    json(table, 'data_json');
    table.index(['service'], 'memory_corrections_service');
  });
}

async function createOccurrences(knex) {
  await knex.schema.createTable('occurrences', (table) => {
    id(table, 'id').primary();
    id(table, 'deploy_id').notNullable().unique();
    id(table, 'ticket_id');
    time(table, 'at').notNullable();
    table.string('type', 128).notNullable();
    word(table, 'severity').notNullable();
    word(table, 'outcome').notNullable();
    name(table, 'cluster').notNullable();
    name(table, 'environment').notNullable();
    name(table, 'namespace').notNullable();
    name(table, 'service').notNullable();
    json(table, 'body_json').notNullable();
    table.index(['ticket_id', 'at'], 'occurrences_ticket');
    table.index(['service', 'at'], 'occurrences_service');
  });
}

/** Events for other systems, written together with the fact they tell of and sent afterwards. */
async function createOutbox(knex) {
  await knex.schema.createTable('event_outbox', (table) => {
    id(table, 'id').primary();
    id(table, 'deploy_id');
    table.string('type', 128).notNullable();
    json(table, 'body_json').notNullable();
    // pending, delivered, dead
    word(table, 'state').notNullable();
    table.integer('attempts').notNullable().defaultTo(0);
    time(table, 'created_at').notNullable();
    // When it may be sent next; moved ahead while somebody sends it, so that nobody else does.
    time(table, 'next_at').notNullable();
    time(table, 'ended_at');
    table.text('last_error');
    table.index(['state', 'next_at'], 'event_outbox_due');
  });
}
