import { argoInstanceListSchema, type ArgoInstanceView } from '../api/contract-argocd.ts';
import { connect, type ConnectionOptions } from './connect.ts';
import { EXIT } from './failure.ts';
import { toJsonText } from './json.ts';
import { toCell, toTable } from './table.ts';
import type { Terminal } from './terminal.ts';

const HEAD = ['NAME', 'STATE', 'SERVER', 'VERSION', 'ACCOUNT', 'APPLICATIONS', 'RIGHTS'];
const STATE_COLUMN = HEAD.indexOf('STATE');

/** How the server finds its Argo CD instances: a table, and below it what is wrong and what mends it. */
export async function listInstances(terminal: Terminal, options: ConnectionOptions): Promise<void> {
  const client = connect(options, terminal);
  const { items } = await client.request(argoInstanceListSchema, 'GET', '/api/argocd/instances');
  terminal.exit(items.some((one) => toState(one) === 'broken') ? EXIT.failed : EXIT.ok);
  if (options.json === true) {
    terminal.out(toJsonText({ items }, 2));
    return;
  }
  const { style } = terminal;
  const colours = { ok: style.green, warning: style.yellow, broken: style.red };
  const states = items.map(toState);
  const paint = (row: number, column: number, text: string) => {
    const state = states[row];
    return column === STATE_COLUMN && state !== undefined ? colours[state](text) : text;
  };
  for (const line of toTable(HEAD, items.map(toRow), paint)) terminal.out(line);
  for (const { name, problems } of items) {
    for (const { severity, sentence, fix, rbac } of problems) {
      const mark = severity === 'error' ? style.red('broken') : style.yellow('warning');
      terminal.out(`\n${style.bold(toCell(name))} ${mark}: ${toCell(sentence)}`);
      if (fix !== null) terminal.out(`  ${toCell(fix)}`);
      for (const line of rbac) terminal.out(`    ${toCell(line)}`);
    }
  }
}

function toState({ problems }: ArgoInstanceView): 'ok' | 'warning' | 'broken' {
  if (problems.some(({ severity }) => severity === 'error')) return 'broken';
  return problems.length > 0 ? 'warning' : 'ok';
}

function toRow(one: ArgoInstanceView): string[] {
  const { name, server, version, account, applications, rights } = one;
  const wanted = rights.filter(({ state }) => state !== 'not_needed');
  const granted = wanted.filter(({ state }) => state === 'granted');
  return [
    one.default ? `${name} (default)` : name,
    toState(one),
    server,
    version ?? '-',
    account?.name ?? '-',
    applications === null ? '-' : `${applications.following} of ${applications.visible}`,
    wanted.length === 0 ? '-' : `${granted.length} of ${wanted.length}`,
  ];
}
