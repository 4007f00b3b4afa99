import type { Knex } from 'knex';
import {
  toStoredDeployFact,
  toStoredOutcomeFact,
  type DeployRow,
  type OutcomeRow,
  type StoredFact,
  type ToldPlace,
} from './fact-rows.ts';

/** The next facts in the order in which they were written. */
export async function listFactsBySeq(knex: Knex, afterSeq: number, limit: number): Promise<StoredFact[]> {
  const page = async <Row extends object>(table: string): Promise<Row[]> =>
    await knex(table).where('recorded_seq', '>', afterSeq).orderBy('recorded_seq').limit(limit);
  const deploys = (await page<DeployRow>('deploys')).map(toStoredDeployFact);
  const outcomes = (await page<OutcomeRow>('deploy_outcomes')).map(toStoredOutcomeFact);
  return [...deploys, ...outcomes].sort((a, b) => a.seq - b.seq).slice(0, limit);
}

/**
 * All facts in the order in which they are told when everything is told anew, in pages.
 * @param options.service only of services of this name
 */
export async function* readFactsAsTold(
  knex: Knex,
  options: { service?: string; pageSize?: number } = {},
): AsyncGenerator<StoredFact[]> {
  const size = options.pageSize ?? 5_000;
  const deploys = openTable<DeployRow>(knex, 'deploys', toStoredDeployFact, { ...options, size });
  const outcomes = openTable<OutcomeRow>(knex, 'deploy_outcomes', toStoredOutcomeFact, { ...options, size });
  for (;;) {
    await Promise.all([deploys.fill(), outcomes.fill()]);
    // What lies behind the end of the shorter page may still have something of the other table before it.
    const ends = [deploys.end(), outcomes.end()].filter((end) => end !== undefined);
    const [nearest] = ends.sort(compareTold);
    const page = [...deploys.take(nearest), ...outcomes.take(nearest)].sort(compareTold);
    if (page.length > 0) yield page;
    if (nearest === undefined) return;
  }
}

/** One table read ahead by a page; what was read is handed out up to a place and never read again. */
function openTable<Row extends object>(
  knex: Knex,
  table: string,
  toFact: (row: Row) => StoredFact,
  { service, size }: { service?: string; size: number },
) {
  let rows: StoredFact[] = [];
  let last: ToldPlace | undefined;
  let isOver = false;
  return {
    fill: async (): Promise<void> => {
      if (isOver || rows.length > 0) return;
      const query = knex(table)
        .select(`${table}.*`)
        .orderBy([`${table}.told_at`, `${table}.recorded_seq`])
        .limit(size);
      if (last !== undefined)
        void query.whereRaw('(??, ??) > (?, ?)', [`${table}.told_at`, `${table}.recorded_seq`, last.toldAt, last.seq]);
      if (service !== undefined && table === 'deploy_outcomes')
        void query.join('deploys', 'deploys.id', 'deploy_outcomes.deploy_id');
      if (service !== undefined) void query.where('deploys.service', service);
      rows = ((await query) as Row[]).map(toFact);
      isOver = rows.length < size;
      last = rows.at(-1) ?? last;
    },
    /** The last place that was read; undefined where everything was. */
    end: (): ToldPlace | undefined => (isOver ? undefined : last),
    take: (upTo: ToldPlace | undefined): StoredFact[] => {
      const cut = upTo === undefined ? rows.length : rows.findIndex((row) => compareTold(row, upTo) > 0);
      const taken = cut < 0 ? rows : rows.slice(0, cut);
      rows = cut < 0 ? [] : rows.slice(cut);
      return taken;
    },
  };
}

function compareTold(a: ToldPlace, b: ToldPlace): number {
  return a.toldAt === b.toldAt ? a.seq - b.seq : a.toldAt < b.toldAt ? -1 : 1;
}
