import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ticketEventSchema } from './event.ts';
import { isLegalAction, nextStatuses, TICKET_ACTIONS, TICKET_STATUSES } from './status.ts';

// The page is the contract that people read; this keeps it the one that runs.

const page = readFileSync(new URL('../../spec/tickets.md', import.meta.url), 'utf8');

/** The words in backticks of each cell, row by row, of the table under a heading. */
function readTable(heading: string): string[][][] {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`spec/tickets.md has no section "${heading}"`);
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')),
  );
}

function findRow(rows: readonly string[][][], name: string): string[][] {
  const found = rows.filter((row) => row[0]?.[0] === name);
  expect(found, `rows of ${name}`).toHaveLength(1);
  return found[0] ?? [];
}

describe('spec/tickets.md', () => {
  const statuses = readTable('Statuses');
  const actions = readTable('Actions');
  const events = readTable('Events');

  it('has a row for each status, action and event type, and no other', () => {
    const names = (rows: readonly string[][][]) => rows.map((row) => row[0]?.[0]).sort();
    expect(names(statuses)).toEqual([...TICKET_STATUSES].sort());
    expect(names(actions)).toEqual([...TICKET_ACTIONS].sort());
    expect(names(events)).toEqual(ticketEventSchema.options.map((option) => option.shape.type.value).sort());
  });

  it.each(TICKET_STATUSES)('tells what may follow %s', (status) => {
    expect(findRow(statuses, status)[2]?.sort()).toEqual([...nextStatuses(status)].sort());
  });

  it.each(TICKET_ACTIONS)('tells when %s is legal', (action) => {
    const legal = TICKET_STATUSES.filter((status) => isLegalAction(action, status));
    expect(findRow(actions, action)[1]?.sort()).toEqual([...legal].sort());
  });

  it.each(ticketEventSchema.options.map((option) => [option.shape.type.value, option] as const))(
    'names every field of %s events',
    (type, option) => {
      expect(findRow(events, type)[2]).toEqual(expect.arrayContaining(Object.keys(option.shape.data.shape)));
    },
  );
});
