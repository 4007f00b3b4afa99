import type { PlanView } from '../../api/contract.ts';
import { toRiskTone } from '../../client/words.ts';
import { Badge, Panel, Said, toPercent, toShown } from './text.tsx';

/** What would be done, how risky that is and why, and what memory advises. */
export function Plan({ plan }: { plan: PlanView }) {
  const { advice, risk, policy } = plan;
  return (
    <Panel title="Plan">
      <p class="bold">{toShown(plan.summary)}</p>
      <ol>
        {plan.steps.map((step, index) => (
          <li key={index}>
            {toShown(step.title)} {step.why === '' ? null : <span class="dim">({toShown(step.why)})</span>}
          </li>
        ))}
      </ol>
      <Lines title="Assumed" lines={plan.assumptions} />
      {risk === null ? null : (
        <>
          <p>
            Risk <Badge text={risk.level} tone={toRiskTone(risk.level)} />{' '}
            <span class="dim">
              {risk.blastRadius.objects} {risk.blastRadius.objects === 1 ? 'object' : 'objects'};{' '}
              {toShown(risk.blastRadius.services.join(', '))}
            </span>
          </p>
          <Lines lines={risk.reasons.map(({ detail }) => detail)} />
        </>
      )}
      <p>
        Memory advises <strong>{advice.strategy.replaceAll('_', '-')}</strong>
        {advice.probability === null || advice.low === null || advice.high === null ? null : (
          <>
            : fails with {toPercent(advice.probability)}{' '}
            <span class="dim">
              ({toPercent(advice.low)} to {toPercent(advice.high)})
            </span>
          </>
        )}
      </p>
      <Lines lines={[...advice.remembered, ...advice.careReasons]} />
      {plan.findings.length === 0 ? null : (
        <>
          <h3>Findings</h3>
          <ul>
            {plan.findings.map((one, index) => (
              <li key={index}>
                <Said
                  text={one.severity}
                  tone={one.severity === 'error' ? 'bad' : one.severity === 'warning' ? 'warn' : 'dim'}
                />{' '}
                {toShown(one.message)} <span class="dim">{toShown(one.fix)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      {policy === null ? null : (
        <Lines title={`Policy: ${policy.decision.replaceAll('_', ' ')}`} lines={policy.reasons} />
      )}
    </Panel>
  );
}

function Lines({ title, lines }: { title?: string; lines: readonly string[] }) {
  if (lines.length === 0) return null;
  return (
    <>
      {title === undefined ? null : <p class="dim">{title}</p>}
      <ul class="dim">
        {lines.map((text, index) => (
          <li key={index}>{toShown(text)}</li>
        ))}
      </ul>
    </>
  );
}
