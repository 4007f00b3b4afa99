import type { Knex } from 'knex';
import {
  toStoredDeployFact,
  toStoredOutcomeFact,
  toStoredRegressionFact,
  type DeployRow,
  type OutcomeRow,
  type RegressionRow,
  type StoredFact,
  type ToldPlace,
} from './fact-rows.ts';

/** The next facts in the order in which they were written. */
export async function listFactsBySeq(knex: Knex, afterSeq: number, limit: number): Promise<StoredFact[]> {
  const page = async <Row extends object>(table: string): Promise<Row[]> =>
    await knex(table).where('recorded_seq', '>', afterSeq).orderBy('recorded_seq').limit(limit);
  const deploys = (await page<DeployRow>('deploys')).map(toStoredDeployFact);
  const outcomes = (await page<OutcomeRow>('deploy_outcomes')).map(toStoredOutcomeFact);
  const regressions = await toRegressions(knex, await page<RegressionRow>('deploy_regressions'));
  return [...deploys, ...outcomes, ...regressions].sort((a, b) => a.seq - b.seq).slice(0, limit);
}

const CHUNK = 500;

/** Regressions with the deploys they are of. There are few. */
async function toRegressions(knex: Knex, rows: readonly RegressionRow[]): Promise<StoredFact[]> {
  const facts: StoredFact[] = [];
  for (let start = 0; start < rows.length; start += CHUNK) {
    const part = rows.slice(start, start + CHUNK);
    const deploys: DeployRow[] = await knex('deploys').whereIn(
      'id',
      part.map((row) => row.deploy_id),
    );
    const byId = new Map(deploys.map((deploy) => [deploy.id, deploy]));
    for (const row of part) {
      const deploy = byId.get(row.deploy_id);
      if (deploy !== undefined) facts.push(toStoredRegressionFact(row, deploy));
    }
  }
  return facts;
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
  const tables = [
    openTable<DeployRow>(knex, 'deploys', async (rows) => rows.map(toStoredDeployFact), { ...options, size }),
    openTable<OutcomeRow>(knex, 'deploy_outcomes', async (rows) => rows.map(toStoredOutcomeFact), { ...options, size }),
    openTable<RegressionRow>(knex, 'deploy_regressions', async (rows) => await toRegressions(knex, rows), {
      ...options,
      size,
    }),
  ];
  for (;;) {
    await Promise.all(tables.map(async (table) => await table.fill()));
    // What lies behind the end of the shortest page may still have something of another table before it.
    const ends = tables.map((table) => table.end()).filter((end) => end !== undefined);
    const [nearest] = ends.sort(compareTold);
    const page = tables.flatMap((table) => table.take(nearest)).sort(compareTold);
    if (page.length > 0) yield page;
    if (nearest === undefined) return;
  }
}

/** One table read ahead by a page; what was read is handed out up to a place and never read again. */
function openTable<Row extends object>(
  knex: Knex,
  table: string,
  toFacts: (rows: Row[]) => Promise<StoredFact[]>,
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
      if (service !== undefined && table !== 'deploys') void query.join('deploys', 'deploys.id', `${table}.deploy_id`);
      if (service !== undefined) void query.where('deploys.service', service);
      const read = (await query) as Row[];
      rows = await toFacts(read);
      isOver = read.length < size;
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
