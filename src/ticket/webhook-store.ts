import type { Knex } from 'knex';
import { toIsoTime } from '../lib/clock.ts';

/** How long a delivery is remembered: longer than any host repeats one. */
const KEEP_MS = 7 * 24 * 3_600_000;

/**
 * Notes a delivery by all its names. False where one of them was noted before: then it is a repeat.
 * @param receipt names this request.
 */
export async function noteDelivery(
  knex: Knex,
  names: readonly string[],
  { receipt, nowMs }: { receipt: string; nowMs: number },
): Promise<boolean> {
  await knex('webhook_deliveries')
    .where('received_at', '<', toIsoTime(nowMs - KEEP_MS))
    .delete();
  const rows = [...new Set(names)].map((delivery) => ({
    delivery: delivery.slice(0, 512),
    receipt,
    received_at: toIsoTime(nowMs),
  }));
  await knex('webhook_deliveries').insert(rows).onConflict('delivery').ignore();
  const own: { receipt: string }[] = await knex('webhook_deliveries')
    .whereIn(
      'delivery',
      rows.map(({ delivery }) => delivery),
    )
    .select('receipt');
  return own.every((row) => row.receipt === receipt);
}
