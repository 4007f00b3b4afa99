// Times are RFC 3339 text in UTC with milliseconds, so that they sort as text and read the same on both databases.
// Columns ending in _json hold JSON text. Ids are text; sequence numbers grow in commit order (the journal lock).

const json = (table, name) => table.text(name);
const time = (table, name) => table.string(name, 40);
const id = (table, name) => table.string(name, 64);
const word = (table, name) => table.string(name, 64);
// Names others choose: services, applications, people.
const name = (table, column) => table.string(column, 512);

/** Owned by the ticket: gone when it is deleted. */
const ticketRef = (table) => id(table, 'ticket_id').references('id').inTable('tickets').onDelete('CASCADE');

/** @param {import('knex').Knex} knex */
export async function up(knex) {
  await createTickets(knex);
  await createJournal(knex);
  await createWork(knex);
  await createMemory(knex);
  await createCheckpoints(knex);
}

/** @param {import('knex').Knex} knex */
export async function down(knex) {
  for (const table of [
    'checkpoint_writes',
    'checkpoint_blobs',
    'checkpoints',
    'notes',
    'deploy_outcomes',
    'deploys',
    'idempotency_keys',
    'observations',
    'questions',
    'plans',
    'effects',
    'approvals',
    'audit',
    'events',
    'tickets',
  ])
    await knex.schema.dropTable(table);
}

async function createTickets(knex) {
  await knex.schema.createTable('tickets', (table) => {
    id(table, 'id').primary();
    table.text('title').notNullable();
    table.text('description').notNullable();
    word(table, 'priority').notNullable();
    // The priority as a number, the most urgent highest, so that the queue can be read from an index.
    table.integer('priority_rank').notNullable();
    word(table, 'status').notNullable();
    // Where a paused ticket returns to.
    word(table, 'status_before_pause');
    name(table, 'application');
    json(table, 'target_json');
    json(table, 'outcome_json');
    table.text('reason');
    // The question or approval it waits for.
    json(table, 'hold_json');
    json(table, 'budget_json');
    table.integer('attempt').notNullable().defaultTo(1);
    table.integer('graph_version').notNullable().defaultTo(1);
    id(table, 'thread_id');
    name(table, 'actor').notNullable();
    time(table, 'created_at').notNullable();
    time(table, 'updated_at').notNullable();
    time(table, 'started_at');
    time(table, 'ended_at');
    // The runner that works on it, the fencing token that grows with every lease, and when the lease ends.
    name(table, 'lease_owner');
    table.bigInteger('lease_token').notNullable().defaultTo(0);
    time(table, 'lease_until');
    // How often it was claimed since it last moved: what keeps bringing its runner down is set aside.
    table.integer('claims').notNullable().defaultTo(0);
    // When a parked ticket is looked at again.
    time(table, 'wake_at');
    table.index(['created_at', 'id'], 'tickets_created');
    table.index(['application', 'created_at', 'id'], 'tickets_application');
    table.index(['priority', 'created_at', 'id'], 'tickets_priority');
    table.index(['wake_at'], 'tickets_wake');
  });
  // The queue: most urgent first, then oldest first.
  await knex.raw('create index tickets_queue on tickets (status, priority_rank desc, created_at, id)');
}

async function createJournal(knex) {
  await knex.schema.createTable('events', (table) => {
    table.bigIncrements('seq');
    ticketRef(table);
    time(table, 'at').notNullable();
    word(table, 'type').notNullable();
    json(table, 'data_json').notNullable();
    table.index(['ticket_id', 'seq'], 'events_ticket');
  });
  // No reference to the ticket: the record outlives it.
  await knex.schema.createTable('audit', (table) => {
    table.bigIncrements('seq');
    time(table, 'at').notNullable();
    id(table, 'ticket_id');
    name(table, 'actor').notNullable();
    table.string('action', 128).notNullable();
    json(table, 'detail_json').notNullable();
    // Unique, so that the chain cannot fork.
    table.string('prev_hash', 64).notNullable().unique();
    table.string('hash', 64).notNullable().unique();
    table.index(['ticket_id', 'seq'], 'audit_ticket');
  });
}

async function createWork(knex) {
  await knex.schema.createTable('approvals', (table) => {
    id(table, 'id').primary();
    ticketRef(table).notNullable();
    word(table, 'kind').notNullable();
    table.string('change_hash', 64).notNullable();
    table.string('plan_hash', 64);
    table.string('base_commit', 64);
    table.string('policy_version', 128);
    word(table, 'state').notNullable();
    time(table, 'requested_at').notNullable();
    time(table, 'expires_at').notNullable();
    time(table, 'decided_at');
    name(table, 'decided_by');
    // How the decision came in: api, cli, tui, chat, policy.
    word(table, 'method');
    table.text('reason');
    json(table, 'summary_json');
    table.index(['ticket_id', 'requested_at'], 'approvals_ticket');
    table.index(['state', 'expires_at'], 'approvals_open');
  });
  await knex.schema.createTable('effects', (table) => {
    id(table, 'id').primary();
    ticketRef(table);
    word(table, 'kind').notNullable();
    // What the effect is called in the world outside, so that it can be found there after a crash.
    table.string('natural_key', 512).notNullable();
    word(table, 'state').notNullable();
    json(table, 'intent_json').notNullable();
    json(table, 'outcome_json');
    time(table, 'created_at').notNullable();
    time(table, 'updated_at').notNullable();
    table.unique(['kind', 'natural_key'], { indexName: 'effects_natural_key' });
    table.index(['ticket_id', 'created_at'], 'effects_ticket');
    table.index(['state', 'created_at'], 'effects_open');
  });
  await knex.schema.createTable('plans', (table) => {
    ticketRef(table).notNullable();
    table.integer('attempt').notNullable();
    // Grows when the difference is made anew within an attempt.
    table.integer('revision').notNullable();
    table.string('base_commit', 64).notNullable();
    // The steps and the advice; the rendered difference; what was found in it. Filled from left to right.
    json(table, 'plan_json').notNullable();
    json(table, 'changes_json');
    json(table, 'review_json');
    table.string('difference_hash', 64);
    table.string('change_hash', 64);
    time(table, 'created_at').notNullable();
    table.primary(['ticket_id', 'attempt', 'revision']);
  });
  await knex.schema.createTable('questions', (table) => {
    id(table, 'id').primary();
    ticketRef(table).notNullable();
    table.integer('attempt').notNullable();
    table.text('question').notNullable();
    json(table, 'options_json').notNullable();
    // What the answer is for, such as `image`.
    word(table, 'field').notNullable();
    time(table, 'asked_at').notNullable();
    table.text('answer');
    time(table, 'answered_at');
    name(table, 'answered_by');
    table.index(['ticket_id', 'asked_at'], 'questions_ticket');
  });
  await knex.schema.createTable('observations', (table) => {
    ticketRef(table).notNullable();
    name(table, 'application').notNullable();
    table.string('commit_sha', 64).notNullable();
    // The Application as it was before the push; with the commit and the time all that a restart needs.
    json(table, 'snapshot_json').notNullable();
    time(table, 'pushed_at');
    json(table, 'outcome_json');
    table.primary(['ticket_id', 'commit_sha', 'application']);
  });
  await knex.schema.createTable('idempotency_keys', (table) => {
    name(table, 'actor').notNullable();
    table.string('route', 256).notNullable();
    table.string('key', 256).notNullable();
    table.string('request_hash', 64).notNullable();
    // Null while the first request is still being answered.
    table.integer('status');
    json(table, 'response_json');
    time(table, 'created_at').notNullable();
    table.primary(['actor', 'route', 'key']);
    table.index(['created_at'], 'idempotency_keys_created');
  });
}

async function createMemory(knex) {
  // Deploys and outcomes share one numbering, recorded_seq, in the order in which they became known: the memory is
  // rebuilt by reading both in that order.
  await knex.schema.createTable('deploys', (table) => {
    id(table, 'id').primary();
    table.bigInteger('recorded_seq').notNullable().unique();
    name(table, 'cluster').notNullable();
    name(table, 'environment').notNullable();
    name(table, 'namespace').notNullable();
    name(table, 'service').notNullable();
    name(table, 'application');
    name(table, 'version');
    name(table, 'digest');
    word(table, 'change_kind').notNullable();
    table.string('commit_sha', 64);
    // No reference: facts outlive tickets, and imported ones never had any.
    id(table, 'ticket_id');
    name(table, 'actor');
    time(table, 'started_at').notNullable();
    word(table, 'strategy').notNullable();
    table.integer('size');
    // Ids of the deploys that were under way when this one started.
    json(table, 'concurrent_json');
    // `observed` here, or the name of the history it was imported from.
    table.string('source', 256).notNullable().defaultTo('observed');
    table.index(['cluster', 'environment', 'namespace', 'service', 'started_at'], 'deploys_scope');
    table.index(['service', 'started_at'], 'deploys_service');
    table.index(['ticket_id'], 'deploys_ticket');
    table.index(['started_at'], 'deploys_started');
  });
  await knex.schema.createTable('deploy_outcomes', (table) => {
    id(table, 'deploy_id').primary().references('id').inTable('deploys').onDelete('CASCADE');
    table.bigInteger('recorded_seq').notNullable().unique();
    time(table, 'at').notNullable();
    word(table, 'outcome').notNullable();
    word(table, 'verdict');
    word(table, 'fingerprint_class');
    table.text('fingerprint_signature');
    table.bigInteger('duration_ms');
    json(table, 'evidence_json');
    table.index(['fingerprint_class'], 'deploy_outcomes_class');
  });
  await knex.schema.createTable('notes', (table) => {
    id(table, 'id').primary();
    name(table, 'subject').notNullable();
    table.text('text').notNullable();
    name(table, 'actor').notNullable();
    time(table, 'at').notNullable();
    table.index(['subject', 'at'], 'notes_subject');
  });
}

async function createCheckpoints(knex) {
  const thread = (table) => {
    table.string('thread_id', 255).notNullable();
    table.string('checkpoint_ns', 1024).notNullable();
  };
  await knex.schema.createTable('checkpoints', (table) => {
    thread(table);
    table.string('checkpoint_id', 64).notNullable();
    table.string('parent_id', 64);
    word(table, 'type').notNullable();
    table.binary('checkpoint').notNullable();
    word(table, 'metadata_type').notNullable();
    table.binary('metadata').notNullable();
    table.primary(['thread_id', 'checkpoint_ns', 'checkpoint_id']);
  });
  // One row per channel value that changed; a checkpoint names the versions it is made of.
  await knex.schema.createTable('checkpoint_blobs', (table) => {
    thread(table);
    table.string('channel', 255).notNullable();
    table.string('version', 64).notNullable();
    word(table, 'type').notNullable();
    table.binary('value');
    table.primary(['thread_id', 'checkpoint_ns', 'channel', 'version']);
  });
  await knex.schema.createTable('checkpoint_writes', (table) => {
    thread(table);
    table.string('checkpoint_id', 64).notNullable();
    table.string('task_id', 64).notNullable();
    table.integer('idx').notNullable();
    table.string('channel', 255).notNullable();
    word(table, 'type').notNullable();
    table.binary('value');
    table.primary(['thread_id', 'checkpoint_ns', 'checkpoint_id', 'task_id', 'idx']);
  });
}
