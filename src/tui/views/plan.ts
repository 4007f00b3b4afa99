import { toRiskTone } from '../../client/words.ts';
import { toRefLabel } from '../../manifest/object.ts';
import type { PlanView } from '../../api/contract.ts';
import type { TicketEvent } from '../../ticket/event.ts';
import { line, paragraph, span, type Line, type Tone } from '../text/lines.ts';
import { toHealthTone, toPercent, toTime } from './words.ts';

/** The plan as somebody who has to approve it reads it. */
export function planRows(plan: PlanView | undefined, width: number): Line[] {
  if (plan === undefined) return [line('There is no plan yet.', 'dim')];
  const { risk, policy } = plan;
  return [
    ...paragraph(plan.summary, width, { tone: 'bold' }),
    line(),
    ...labelled(
      'steps',
      plan.steps.map(({ title, why }, index) => `${index + 1}. ${title}. ${why}`),
      width,
    ),
    ...labelled('assumed', plan.assumptions, width),
    ...(risk === null
      ? []
      : [
          [span('risk       ', 'dim'), span(risk.level, toRiskTone(risk.level)), span(` (score ${risk.score})`)],
          ...risk.reasons.flatMap(({ detail }) => paragraph(detail, width, { indent: 11 })),
          [
            span('reach      ', 'dim'),
            span(`${risk.blastRadius.objects} objects in ${risk.blastRadius.services.join(', ') || 'no service'}`),
          ],
        ]),
    ...labelled('findings', plan.findings.map(toFinding), width, 'warn'),
    ...(policy === null ? [] : labelled('policy', [`${policy.decision} (${policy.rule})`, ...policy.reasons], width)),
    ...labelled('base', [`${plan.baseCommit.slice(0, 12)}, attempt ${plan.attempt}, revision ${plan.revision}`], width),
    ...labelled('hash', [plan.changeHash ?? 'not checked yet'], width),
  ];
}

/** What memory said when the plan was made, and why the plan is as careful as it is. */
export function adviceRows(plan: PlanView | undefined, width: number): Line[] {
  if (plan === undefined) return [line('Memory is asked when the plan is made.', 'dim')];
  const { probability, low, high, strategy, remembered, careReasons, settleSeconds } = plan.advice;
  const chance =
    probability === null || low === null || high === null
      ? 'nothing is remembered about what this changes'
      : `${toPercent(probability)} (${toPercent(low)} to ${toPercent(high)})`;
  return [
    ...labelled('failure', [chance], width),
    ...labelled('strategy', [strategy, `settles for ${settleSeconds} s before it counts as live`], width),
    ...labelled('remembers', remembered, width),
    ...labelled('careful', careReasons, width, 'warn'),
    line(),
    line('m opens what is remembered about the service.', 'dim'),
  ];
}

/** What was seen of the applications this change touched: their last state, and what their resources said. */
export function observedRows(events: readonly TicketEvent[], width: number): Line[] {
  const names = new Set(
    events.flatMap((event) =>
      event.type === 'sync' || event.type === 'health' || event.type === 'verdict' ? [event.data.application] : [],
    ),
  );
  if (names.size === 0) return [line('Nothing has been observed yet: that begins after the push.', 'dim')];
  return [...names].flatMap((name) => applicationRows(name, events, width));
}

function applicationRows(name: string, events: readonly TicketEvent[], width: number): Line[] {
  const sync = events.findLast((event) => event.type === 'sync' && event.data.application === name);
  const health = events.findLast((event) => event.type === 'health' && event.data.application === name);
  const verdict = events.findLast((event) => event.type === 'verdict' && event.data.application === name);
  const rows: Line[] = [line(name, 'bold')];
  if (sync?.type === 'sync') {
    const { status, revision, operationPhase } = sync.data;
    rows.push([
      span(`├ sync     ${toTime(sync.at)} `, 'dim'),
      span(status, toHealthTone(status)),
      span(` at ${revision.slice(0, 9)}${operationPhase === undefined ? '' : `, operation ${operationPhase}`}`),
    ]);
  }
  if (health?.type === 'health') {
    const { status, message, resources } = health.data;
    rows.push([
      span(`├ health   ${toTime(health.at)} `, 'dim'),
      span(status, toHealthTone(status)),
      span(message === undefined ? '' : `  ${message}`),
    ]);
    for (const one of resources) {
      rows.push([span('│  ├ ', 'dim'), span(`${one.resource} `), span(one.health, toHealthTone(one.health))]);
      if (one.message !== undefined)
        rows.push(...paragraph(one.message, width, { label: span('│  │   ', 'dim'), tone: 'dim' }));
    }
  }
  if (verdict?.type === 'verdict') {
    const tone: Tone = verdict.data.outcome.startsWith('live') ? 'good' : 'bad';
    rows.push(
      ...paragraph(verdict.data.sentence, width, { label: span(`└ verdict  ${toTime(verdict.at)} `, 'dim'), tone }),
    );
    for (const one of verdict.data.evidence)
      rows.push(...paragraph(`${one.object} ${one.field}: ${one.value}`, width, { indent: 4, tone: 'dim' }));
  }
  return [...rows, line()];
}

const LABEL_CELLS = 11;

function labelled(label: string, texts: readonly string[], width: number, tone?: Tone): Line[] {
  return texts.flatMap((text, index) =>
    paragraph(text, width, {
      label: span((index === 0 ? label : '').padEnd(LABEL_CELLS), 'dim'),
      ...(tone === undefined ? {} : { tone }),
    }),
  );
}

function toFinding({ severity, object, message, fix }: PlanView['findings'][number]): string {
  return `${severity}: ${object === undefined ? '' : `${toRefLabel(object)}: `}${message} ${fix}`;
}
