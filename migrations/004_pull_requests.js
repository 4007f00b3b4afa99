// Pull requests that wait to be merged, what people said at them, and the webhooks that came. The same conventions as in
// the first migration.

const time = (table, name) => table.string(name, 40);
const id = (table, name) => table.string(name, 64);
const word = (table, name) => table.string(name, 64);
const name = (table, column) => table.string(column, 512);
const sha = (table, column) => table.string(column, 64);

/** @param {import('knex').Knex} knex */
export async function up(knex) {
  await knex.schema.createTable('pull_requests', (table) => {
    id(table, 'id').primary();
    id(table, 'ticket_id').notNullable().references('id').inTable('tickets').onDelete('CASCADE');
    table.integer('attempt').notNullable();
    // Which of the ticket's changes it is: attempt, how many preparations went before, change or revert.
    word(table, 'slot').notNullable();
    word(table, 'purpose').notNullable();
    sha(table, 'change_key').notNullable();
    name(table, 'branch').notNullable().unique();
    name(table, 'base_branch').notNullable();
    table.integer('number').notNullable();
    table.text('url').notNullable();
    // What we put on the branch, and the commit it was made from.
    sha(table, 'head_sha').notNullable();
    sha(table, 'base_sha').notNullable();
    // Where the base was when the pull request was last seen open: older than any merge of it.
    sha(table, 'base_seen').notNullable();
    // open, conflict, merged, closed
    word(table, 'state').notNullable();
    sha(table, 'merge_commit');
    name(table, 'ended_by');
    time(table, 'ended_at');
    // The first head that was not ours; from then on the branch is left alone.
    sha(table, 'edited_sha');
    // Whether there is still something to look after.
    table.boolean('is_watched').notNullable().defaultTo(true);
    table.boolean('is_conflicting').notNullable().defaultTo(false);
    time(table, 'created_at').notNullable();
    // When something last happened; looks are less frequent the longer that is ago.
    time(table, 'changed_at').notNullable();
    time(table, 'looked_at');
    time(table, 'snapshot_at');
    // The next look; moved ahead while somebody looks, so that nobody else does.
    time(table, 'next_look_at').notNullable();
    // Counts the calls for a look, so that one that comes during a look is not lost.
    table.integer('wakes').notNullable().defaultTo(0);
    table.integer('failures').notNullable().defaultTo(0);
    table.text('last_error');
    table.index(['is_watched', 'next_look_at'], 'pull_requests_due');
    table.unique(['ticket_id', 'slot'], { indexName: 'pull_requests_slot' });
    table.index(['number'], 'pull_requests_number');
  });
  await knex.schema.createTable('pull_request_remarks', (table) => {
    id(table, 'pull_request_id').notNullable().references('id').inTable('pull_requests').onDelete('CASCADE');
    table.string('remark', 128).notNullable();
    time(table, 'seen_at').notNullable();
    table.primary(['pull_request_id', 'remark']);
  });
  await knex.schema.createTable('webhook_deliveries', (table) => {
    table.string('delivery', 512).primary();
    // Names the request that brought it first.
    id(table, 'receipt').notNullable();
    time(table, 'received_at').notNullable();
    table.index(['received_at'], 'webhook_deliveries_received');
  });
}

/** @param {import('knex').Knex} knex */
export async function down(knex) {
  for (const table of ['webhook_deliveries', 'pull_request_remarks', 'pull_requests'])
    await knex.schema.dropTable(table);
}
