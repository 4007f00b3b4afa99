// Watching on after a deploy was told healthy. The same conventions as in the first migration.

const json = (table, name) => table.text(name);
const time = (table, name) => table.string(name, 40);
const id = (table, name) => table.string(name, 64);
const word = (table, name) => table.string(name, 64);
const name = (table, column) => table.string(column, 512);

/** @param {import('knex').Knex} knex */
export async function up(knex) {
  await createRegressions(knex);
}

/** @param {import('knex').Knex} knex */
export async function down(knex) {
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
