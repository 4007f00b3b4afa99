import type { RunnableConfig } from '@langchain/core/runnables';
import {
  BaseCheckpointSaver,
  copyCheckpoint,
  getCheckpointId,
  maxChannelVersion,
  TASKS,
  WRITES_IDX_MAP,
  type ChannelVersions,
  type Checkpoint,
  type CheckpointListOptions,
  type CheckpointMetadata,
  type CheckpointPendingWrite,
  type CheckpointTuple,
  type PendingWrite,
} from '@langchain/langgraph-checkpoint';
import type { Knex } from 'knex';
import type { Database } from '../database/open.ts';
import { inTransaction } from '../database/transaction.ts';
import { AppError } from '../lib/errors.ts';
import { canonicalJson, randomHex } from '../lib/ids.ts';

interface CheckpointRow {
  thread_id: string;
  checkpoint_ns: string;
  checkpoint_id: string;
  parent_id: string | null;
  type: string;
  checkpoint: Uint8Array;
  metadata_type: string;
  metadata: Uint8Array;
}

interface ValueRow {
  type: string;
  value: Uint8Array | null;
}

interface BlobRow extends ValueRow {
  channel: string;
  version: string;
}

interface WriteRow extends ValueRow {
  task_id: string;
  channel: string;
}

/** The type of a channel that has a version but holds nothing. */
const EMPTY = 'empty';
const LIST_PAGE = 50;
// SQLite takes at most 32,766 values in one statement, PostgreSQL 65,535.
const LOOKUP_CHUNK = 500;

/** The checkpoint saver for the agent's graph. `random` gives eight characters that do not repeat. */
export function createCheckpointer(db: Database, random: () => string = () => randomHex(4)): BaseCheckpointSaver {
  return toGraphSaver(new KnexSaver(db, random));
}

/** LangGraph's own types ask for a saver with number versions, though it takes text ones just as well. */
function toGraphSaver(saver: KnexSaver): BaseCheckpointSaver {
  return saver as unknown as BaseCheckpointSaver;
}

/**
 * LangGraph's checkpoints in our database. A channel value is stored once, under its version, and a checkpoint names
 * the versions it is made of, so a long run costs one row per value that changed. Every write is one transaction and
 * is durable when the promise resolves; writing the same thing again changes nothing.
 */
class KnexSaver extends BaseCheckpointSaver<string> {
  readonly #db: Database;
  readonly #random: () => string;

  constructor(db: Database, random: () => string) {
    super();
    this.#db = db;
    this.#random = random;
  }

  /**
   * Counts up, with a random end. A bare number repeats when a thread is continued from an older checkpoint, and the
   * value of the other branch would then be taken for the new one.
   */
  override getNextVersion(current: string | undefined): string {
    const count = current === undefined ? 0 : Number.parseInt(current, 10);
    return `${String(count + 1).padStart(12, '0')}.${this.#random()}`;
  }

  override async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    const { thread_id: threadId, checkpoint_ns: namespace } = toPlace(config);
    if (threadId === undefined) return undefined;
    const query = this.#checkpoints(threadId).where('checkpoint_ns', namespace ?? '');
    const id = getCheckpointId(config);
    if (id !== '') void query.where('checkpoint_id', id);
    const row = await query.orderBy('checkpoint_id', 'desc').first();
    return row === undefined ? undefined : await this.#toTuple(row);
  }

  override async *list(config: RunnableConfig, options: CheckpointListOptions = {}): AsyncGenerator<CheckpointTuple> {
    const { thread_id: threadId, checkpoint_ns: namespace } = toPlace(config);
    const filter = Object.entries(options.filter ?? {});
    const exactId = getCheckpointId(config);
    let left = options.limit ?? Infinity;
    let before = options.before === undefined ? '' : getCheckpointId(options.before);
    // Ids grow with time over all threads, so newest first is one order; rows of one id (a copied thread) stay together.
    while (left > 0) {
      const query = this.#checkpoints(threadId).orderBy('checkpoint_id', 'desc').limit(LIST_PAGE);
      if (namespace !== undefined) void query.where('checkpoint_ns', namespace);
      if (exactId !== '') void query.where('checkpoint_id', exactId);
      if (before !== '') void query.where('checkpoint_id', '<', before);
      const page = await query;
      const last = page.at(-1);
      if (last === undefined) return;
      const rows =
        page.length < LIST_PAGE ? page : await this.#completePage(page, last.checkpoint_id, threadId, namespace);
      for (const row of rows) {
        if (!(await this.#matches(row, filter))) continue;
        yield await this.#toTuple(row);
        left -= 1;
        if (left <= 0) return;
      }
      before = last.checkpoint_id;
    }
  }

  override async put(
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: ChannelVersions,
  ): Promise<RunnableConfig> {
    const { threadId, namespace } = getPlace(config, 'put a checkpoint');
    const parentId = getCheckpointId(config);
    const blobs = await Promise.all(
      Object.entries(newVersions).map(async ([channel, version]) => ({
        thread_id: threadId,
        checkpoint_ns: namespace,
        channel,
        version: String(version),
        ...(await this.#toValue(channel in checkpoint.channel_values, checkpoint.channel_values[channel])),
      })),
    );
    const [type, data] = await this.serde.dumpsTyped({ ...copyCheckpoint(checkpoint), channel_values: {} });
    const [metadataType, metadataData] = await this.serde.dumpsTyped(metadata);
    const row = {
      thread_id: threadId,
      checkpoint_ns: namespace,
      checkpoint_id: checkpoint.id,
      parent_id: parentId === '' ? null : parentId,
      type,
      checkpoint: Buffer.from(data),
      metadata_type: metadataType,
      metadata: Buffer.from(metadataData),
    };
    await inTransaction(this.#db, async (trx) => {
      await insertAll(trx, 'checkpoint_blobs', blobs, ['thread_id', 'checkpoint_ns', 'channel', 'version']);
      await trx('checkpoints').insert(row).onConflict(['thread_id', 'checkpoint_ns', 'checkpoint_id']).merge();
    });
    return { configurable: { thread_id: threadId, checkpoint_ns: namespace, checkpoint_id: checkpoint.id } };
  }

  override async putWrites(config: RunnableConfig, writes: PendingWrite[], taskId: string): Promise<void> {
    const { threadId, namespace } = getPlace(config, 'put writes');
    const checkpointId = getCheckpointId(config);
    if (checkpointId === '') throw new AppError('internal', 'cannot put writes without a checkpoint_id');
    const rows = await Promise.all(
      writes.map(async ([channel, value], index) => ({
        thread_id: threadId,
        checkpoint_ns: namespace,
        checkpoint_id: checkpointId,
        task_id: taskId,
        idx: WRITES_IDX_MAP[channel] ?? index,
        channel,
        ...(await this.#toValue(true, value)),
      })),
    );
    const key = ['thread_id', 'checkpoint_ns', 'checkpoint_id', 'task_id', 'idx'];
    await inTransaction(this.#db, async (trx) => {
      // Results of a task stand once they are written; an error, an interrupt or an answer replaces the one before.
      await insertAll(
        trx,
        'checkpoint_writes',
        rows.filter((row) => row.idx >= 0),
        key,
      );
      for (const row of rows.filter((one) => one.idx < 0))
        await trx('checkpoint_writes').insert(row).onConflict(key).merge();
    });
  }

  override async deleteThread(threadId: string): Promise<void> {
    await inTransaction(this.#db, async (trx) => {
      for (const table of ['checkpoint_writes', 'checkpoint_blobs', 'checkpoints'])
        await trx(table).where('thread_id', threadId).delete();
    });
  }

  #checkpoints(threadId: string | undefined): Knex.QueryBuilder<CheckpointRow, CheckpointRow[]> {
    const query = this.#db.knex<CheckpointRow>('checkpoints').select('*');
    if (threadId !== undefined) void query.where('thread_id', threadId);
    return query as Knex.QueryBuilder<CheckpointRow, CheckpointRow[]>;
  }

  /** A page must not end between two rows of one id, or the rest of them would be passed over. */
  async #completePage(
    page: CheckpointRow[],
    lastId: string,
    threadId: string | undefined,
    namespace: string | undefined,
  ): Promise<CheckpointRow[]> {
    const rest = this.#checkpoints(threadId).where('checkpoint_id', lastId);
    if (namespace !== undefined) void rest.where('checkpoint_ns', namespace);
    return [...page.filter((row) => row.checkpoint_id !== lastId), ...(await rest)];
  }

  async #matches(row: CheckpointRow, filter: readonly [string, unknown][]): Promise<boolean> {
    if (filter.length === 0) return true;
    const metadata: Record<string, unknown> = await this.serde.loadsTyped(row.metadata_type, row.metadata);
    return filter.every(([name, value]) => canonicalJson(metadata[name] ?? null) === canonicalJson(value ?? null));
  }

  async #toTuple(row: CheckpointRow): Promise<CheckpointTuple> {
    const place = { thread_id: row.thread_id, checkpoint_ns: row.checkpoint_ns };
    const checkpoint: Checkpoint = await this.serde.loadsTyped(row.type, row.checkpoint);
    checkpoint.channel_values = await this.#loadChannels(place, checkpoint.channel_versions);
    if (checkpoint.v < 4 && row.parent_id !== null) await this.#moveSends(checkpoint, place, row.parent_id);
    return {
      config: { configurable: { ...place, checkpoint_id: row.checkpoint_id } },
      checkpoint,
      metadata: (await this.serde.loadsTyped(row.metadata_type, row.metadata)) as CheckpointMetadata,
      pendingWrites: await this.#loadWrites(place, row.checkpoint_id),
      ...(row.parent_id === null ? {} : { parentConfig: { configurable: { ...place, checkpoint_id: row.parent_id } } }),
    };
  }

  async #loadChannels(place: Place, versions: ChannelVersions): Promise<Record<string, unknown>> {
    const pairs = Object.entries(versions).map(([channel, version]) => [channel, String(version)]);
    const values: Record<string, unknown> = {};
    for (let start = 0; start < pairs.length; start += LOOKUP_CHUNK) {
      const rows: BlobRow[] = await this.#db
        .knex('checkpoint_blobs')
        .select('channel', 'version', 'type', 'value')
        .where(place)
        .whereIn(['channel', 'version'], pairs.slice(start, start + LOOKUP_CHUNK));
      for (const row of rows) if (row.type !== EMPTY) values[row.channel] = await this.#fromValue(row);
    }
    return values;
  }

  async #loadWrites(place: Place, checkpointId: string): Promise<CheckpointPendingWrite[]> {
    const rows: WriteRow[] = await this.#db
      .knex('checkpoint_writes')
      .select('task_id', 'channel', 'type', 'value')
      .where({ ...place, checkpoint_id: checkpointId })
      .orderBy(['task_id', 'idx']);
    return await Promise.all(
      rows.map(async (row): Promise<CheckpointPendingWrite> => [row.task_id, row.channel, await this.#fromValue(row)]),
    );
  }

  /** Before version 4 of the format, what a step sent to tasks stood in the writes of the checkpoint before. */
  async #moveSends(checkpoint: Checkpoint, place: Place, parentId: string): Promise<void> {
    const writes = await this.#loadWrites(place, parentId);
    checkpoint.channel_values[TASKS] = writes.filter(([, channel]) => channel === TASKS).map(([, , value]) => value);
    const versions = Object.values(checkpoint.channel_versions);
    checkpoint.channel_versions[TASKS] =
      versions.length > 0 ? maxChannelVersion(...versions) : this.getNextVersion(undefined);
  }

  async #toValue(present: boolean, value: unknown): Promise<{ type: string; value: Buffer | null }> {
    if (!present) return { type: EMPTY, value: null };
    const [type, data] = await this.serde.dumpsTyped(value);
    return { type, value: Buffer.from(data) };
  }

  async #fromValue(row: ValueRow): Promise<unknown> {
    return await this.serde.loadsTyped(row.type, row.value ?? new Uint8Array());
  }
}

interface Place {
  thread_id: string;
  checkpoint_ns: string;
}

function toPlace(config: RunnableConfig): Partial<Place> {
  const { thread_id: threadId, checkpoint_ns: namespace }: Record<string, unknown> = config.configurable ?? {};
  return {
    ...(typeof threadId === 'string' ? { thread_id: threadId } : {}),
    ...(typeof namespace === 'string' ? { checkpoint_ns: namespace } : {}),
  };
}

function getPlace(config: RunnableConfig, action: string): { threadId: string; namespace: string } {
  const { thread_id: threadId, checkpoint_ns: namespace } = toPlace(config);
  if (threadId === undefined) throw new AppError('internal', `cannot ${action} without a thread_id`);
  return { threadId, namespace: namespace ?? '' };
}

async function insertAll(
  trx: Knex.Transaction,
  table: string,
  rows: readonly object[],
  key: readonly string[],
): Promise<void> {
  for (let start = 0; start < rows.length; start += LOOKUP_CHUNK)
    await trx(table)
      .insert(rows.slice(start, start + LOOKUP_CHUNK))
      .onConflict([...key])
      .ignore();
}
