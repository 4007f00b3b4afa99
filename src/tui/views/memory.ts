import type { GraphView, HistoryView } from '../memory-place.ts';
import type { OpenService, ServiceRow, State } from '../model.ts';
import { clamp, windowTop } from '../select.ts';
import { column, highlight, line, paragraph, span, type Line, type Tone } from '../text/lines.ts';
import { toAge, toPercent } from './words.ts';

const BAR_CELLS = 20;

/** Every remembered service, the riskiest first. */
export function viewMemory(state: State, width: number, height: number): Line[] {
  const { services, serviceCursor } = state;
  if (services.length === 0) {
    const text = state.isRemembering ? 'Asking the memory ...' : 'Nothing is remembered yet: the first deploy will be.';
    return [line('What is remembered', 'bold'), line(), line(`  ${text}`, 'dim')];
  }
  const head: Line[] = [
    line('What is remembered: services by the risk that their next deploy fails', 'bold'),
    [
      column('SERVICE', 20, 'dim'),
      column('ENVIRONMENT', 14, 'dim'),
      column('RISK', 6, 'dim'),
      column('', BAR_CELLS + 1),
      column('DEPLOYS', 8, 'dim'),
      column('FAILED', 7, 'dim'),
      column('LAST', 5, 'dim'),
    ],
  ];
  const room = Math.max(1, height - head.length);
  const top = windowTop(serviceCursor, services.length, room);
  const rows = services.slice(top, top + room).map((row, index) => {
    const shown = viewService(row, state.nowMs);
    return top + index === serviceCursor ? highlight(shown, width) : shown;
  });
  return [...head, ...rows];
}

function viewService({ service, risk }: ServiceRow, nowMs: number): Line {
  return [
    column(service.service, 20),
    column(service.environment, 14),
    column(risk === undefined ? '' : toPercent(risk.probability), 6, toTone(risk?.probability)),
    column(risk === undefined ? '' : toBar(risk.probability), BAR_CELLS + 1, toTone(risk?.probability)),
    column(String(service.deploys), 8),
    column(String(service.failures), 7),
    column(toAge(service.lastDeployAt, nowMs), 5, 'dim'),
  ];
}

/** What is remembered about one service. */
export function viewOpenService(state: State, width: number, height: number): Line[] {
  const { openService } = state;
  if (openService === undefined) return [line('No service is open.', 'dim')];
  const rows = serviceRows(openService, width, state.nowMs);
  const top = clamp(openService.top, 0, Math.max(0, rows.length - height));
  return rows.slice(top, top + height);
}

/** Every line of the page of a service. */
export function serviceRows({ service, context, history, around }: OpenService, width: number, nowMs: number): Line[] {
  const title = line(`${service.service} in ${service.environment}`, 'bold');
  if (context === undefined) return [title, line(), line('Asking the memory ...', 'dim')];
  const { risk } = context;
  return [
    title,
    [
      span('next deploy fails with '),
      span(toPercent(risk.probability), toTone(risk.probability)),
      span(` (${toPercent(risk.low)} to ${toPercent(risk.high)})  `),
      span(toBar(risk.probability), toTone(risk.probability)),
    ],
    [
      span('history    ', 'dim'),
      ...toSparkline(history),
      span('  oldest to newest: + healthy, x failed, r rolled back', 'dim'),
    ],
    line(),
    ...context.summary.flatMap((text) => paragraph(text, width)),
    ...section('Failures', context.patterns, ({ fingerprint, count, lastAt, pinned, suggestedFix }) => [
      ...paragraph(
        `${count} x ${fingerprint.class}: ${fingerprint.signature} (last ${toAge(lastAt, nowMs)} ago${pinned ? ', pinned' : ''})`,
        width,
        { tone: 'warn' },
      ),
      ...paragraph(suggestedFix, width, { indent: 2, tone: 'dim' }),
    ]),
    ...section('Deploys that go with it', context.coDeploys, ({ with: other, detail }) =>
      paragraph(`${other}: ${detail}`, width),
    ),
    ...section('Around it', listAround(around), (text) => paragraph(text, width)),
    ...section('Notes', context.notes, ({ text, by }) => paragraph(`${text} (${by})`, width)),
    ...section('Deploys', history, (deploy) => [
      [
        column(deploy.startedAt.slice(0, 16).replace('T', ' '), 17, 'dim'),
        column(deploy.version ?? deploy.changeKind, 18),
        column(deploy.strategy, 11),
        column(
          deploy.regression === undefined ? (deploy.outcome?.outcome ?? 'under way') : 'regressed',
          12,
          toOutcome(deploy).tone,
        ),
        span((deploy.regression ?? deploy.outcome)?.fingerprint?.class ?? ''),
      ],
    ]),
  ];
}

/** The memory's graph around one service as sentences; what the other sections say is left out. */
export function listAround({ nodes, edges }: GraphView): string[] {
  const labels = new Map(nodes.map(({ id, label }) => [id, label]));
  const own = edges.find(({ kind }) => kind === 'runs_in')?.from;
  const ownFirst = edges.toSorted((a, b) => Number(b.from === own) - Number(a.from === own));
  return ownFirst.flatMap(({ from, to, kind, detail }) => {
    const other = labels.get(to) ?? to;
    const who = labels.get(from) ?? from;
    switch (kind) {
      case 'failed_with':
        return [`version ${who} ${detail}: ${other}`];
      case 'hit_by':
        return [
          from === own
            ? `incident of ${other}: ${detail}`
            : `${who} was hit by the incident of ${other} too: ${detail}`,
        ];
      case 'fails_with':
        return from === own ? [] : [`${who} fails of ${other} too: ${detail}`];
      case 'fails_beside':
        return from === own ? [] : [`${who} fails beside it: ${detail}`];
      default:
        return [];
    }
  });
}

function section<T>(title: string, items: readonly T[], toRows: (item: T) => Line[]): Line[] {
  return items.length === 0 ? [] : [line(), line(title, 'bold'), ...items.flatMap(toRows)];
}

function toSparkline(history: HistoryView['items']): Line {
  return history
    .slice(0, 40)
    .toReversed()
    .map((deploy) => {
      const { glyph, tone } = toOutcome(deploy);
      return span(glyph, tone);
    });
}

function toOutcome({ outcome, regression }: HistoryView['items'][number]): { glyph: string; tone: Tone } {
  if (regression !== undefined) return { glyph: 'x', tone: 'bad' };
  switch (outcome?.outcome) {
    case undefined:
      return { glyph: '.', tone: 'dim' };
    case 'healthy':
      return { glyph: '+', tone: 'good' };
    case 'failed':
      return { glyph: 'x', tone: 'bad' };
    case 'rolled_back':
      return { glyph: 'r', tone: 'bad' };
    case 'inconclusive':
      return { glyph: '?', tone: 'warn' };
    case 'superseded':
    case 'cancelled':
      return { glyph: '-', tone: 'dim' };
  }
}

function toBar(probability: number): string {
  const filled = Math.round(clamp(probability, 0, 1) * BAR_CELLS);
  return '█'.repeat(filled) + '░'.repeat(BAR_CELLS - filled);
}

function toTone(probability: number | undefined): Tone {
  if (probability === undefined) return 'dim';
  return probability >= 0.4 ? 'bad' : probability >= 0.15 ? 'warn' : 'good';
}
