// Which Argo CD instance a ticket is for. Until now there was one, and it was called default.

/** @param {import('knex').Knex} knex */
export async function up(knex) {
  await knex.schema.alterTable('tickets', (table) => {
    table.string('instance', 64).notNullable().defaultTo('default');
    table.index(['instance', 'created_at'], 'tickets_instance');
  });
}

/** @param {import('knex').Knex} knex */
export async function down(knex) {
  await knex.schema.alterTable('tickets', (table) => {
    table.dropIndex(['instance', 'created_at'], 'tickets_instance');
    table.dropColumn('instance');
  });
}
