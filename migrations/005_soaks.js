// Watching on after a deploy was told healthy. The same conventions as in the first migration.

const json = (table, name) => table.text(name);
const time = (table, name) => table.string(name, 40);
const id = (table, name) => table.string(name, 64);
const word = (table, name) => table.string(name, 64);
const name = (table, column) => table.string(column, 512);

/** @param {import('knex').Knex} knex */
export async function up(knex) {
  await createRegressions(knex);
  await createSoaks(knex);
  // The ticket whose change this one takes back, and whether a person is always asked.
  await knex.schema.alterTable('tickets', (table) => json(table, 'follows_json'));
}

/** @param {import('knex').Knex} knex */
export async function down(knex) {
  await knex.schema.alterTable('tickets', (table) => table.dropColumn('follows_json'));
  await knex.schema.dropTable('soaks');
  await knex.schema.dropTable('deploy_regressions');
}

/** A deploy whose outcome is `healthy` and that failed later: a fact of its own, numbered together with the others. */
async function createRegressions(knex) {
  await knex.schema.createTable('deploy_regressions', (table) => {
    id(table, 'deploy_id').primary().references('id').inTable('deploys').onDelete('CASCADE');
    table.bigInteger('recorded_seq').notNullable().unique();
    time(table, 'told_at').notNullable();
    time(table, 'at').notNullable();
    word(table, 'verdict');
    word(table, 'fingerprint_class');
    table.text('fingerprint_signature');
    table.index(['told_at', 'recorded_seq'], 'deploy_regressions_told');
  });
}

/** One Application watched on for one commit. With the snapshot in `observations` this is all a restart needs. */
async function createSoaks(knex) {
  await knex.schema.createTable('soaks', (table) => {
    id(table, 'ticket_id').notNullable().references('id').inTable('tickets').onDelete('CASCADE');
    name(table, 'application').notNullable();
    table.string('commit_sha', 64).notNullable();
    word(table, 'state').notNullable();
    time(table, 'started_at').notNullable();
    time(table, 'until_at').notNullable();
    time(table, 'ended_at');
    // What the commit had changed, and which deploys it was.
    json(table, 'subject_json').notNullable();
    table.text('sentence');
    id(table, 'follow_up');
    name(table, 'lease_owner');
    table.bigInteger('lease_token').notNullable().defaultTo(0);
    time(table, 'lease_until');
    table.primary(['ticket_id', 'commit_sha', 'application']);
    table.index(['state', 'lease_until'], 'soaks_due');
  });
}
