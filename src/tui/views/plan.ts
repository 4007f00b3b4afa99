import { toCount, toRiskTone } from '../../client/words.ts';
import { toRefLabel } from '../../manifest/object.ts';
import type { PlanView } from '../../api/contract.ts';
import { line, paragraph, span, type Line, type Tone } from '../text/lines.ts';
import { toPercent } from './words.ts';

/** The plan as somebody who has to approve it reads it. */
export function planRows(plan: PlanView | undefined, width: number): Line[] {
  if (plan === undefined) return [line('There is no plan.', 'dim')];
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
            span(
              `${toCount(risk.blastRadius.objects, 'object')} in ${risk.blastRadius.services.join(', ') || 'no service'}`,
            ),
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
