import type { ContextView, DeployView } from '../../api/contract-memory.ts';
import { api } from './api.ts';
import { Graph } from './graph.tsx';
import { useLoaded } from './live.ts';
import { Moment, Panel, Problem, toPercent, toShown } from './text.tsx';

/** What is known of one service in one place: what to expect, what happened, what went wrong. */
export function ServicePage({ service, place }: { service: string; place: Record<string, string> }) {
  const keys = [service, new URLSearchParams(place).toString()];
  const isTouched = ({ type }: { type: string }) => type === 'verdict' || type === 'memory';
  const context = useLoaded(async () => await api.context(service, place), keys, isTouched);
  const history = useLoaded(async () => await api.history(service, place), keys, isTouched);
  return (
    <>
      <p>
        <a href="#/memory">All services</a>
      </p>
      <h1>
        {toShown(service)}{' '}
        <span class="dim">{context.kind === 'loaded' ? toShown(context.value.scope.environment) : ''}</span>
      </h1>
      {context.kind === 'refused' ? <Problem error={context.error} /> : null}
      {context.kind === 'loaded' ? <Expectation context={context.value} /> : null}
      {history.kind === 'refused' ? <Problem error={history.error} /> : null}
      {history.kind === 'loaded' ? <History deploys={history.value.items} /> : null}
      {history.kind === 'loaded' && history.value.items.length > 0 ? (
        <Panel title="What hangs together with it">
          <Graph about={{ service, ...place }} />
        </Panel>
      ) : null}
    </>
  );
}

function Expectation({ context }: { context: ContextView }) {
  const { risk, strategy } = context;
  return (
    <>
      <Panel title="The next deploy">
        <p>
          Fails with <strong>{toPercent(risk.probability)}</strong>{' '}
          <span class="dim">
            ({toPercent(risk.low)} to {toPercent(risk.high)})
          </span>
          ; best rolled out <strong>{strategy.strategy.replaceAll('_', '-')}</strong>.
        </p>
        <ul>
          {context.summary.map((text, index) => (
            <li key={index}>{toShown(text)}</li>
          ))}
        </ul>
      </Panel>
      {context.patterns.length === 0 ? null : (
        <Panel title="What went wrong">
          {context.patterns.map((one) => (
            <details key={`${one.fingerprint.class} ${one.fingerprint.signature}`}>
              <summary>
                <span class="bad">{one.fingerprint.class.replaceAll('_', ' ')}</span>{' '}
                {one.count === 1 ? 'once,' : `${one.count} times, the last`} <Moment at={one.lastAt} />
              </summary>
              <p class="mono">{toShown(one.fingerprint.signature)}</p>
              <ul>
                {one.possibleCauses.map((cause, index) => (
                  <li key={index}>{toShown(cause)}</li>
                ))}
              </ul>
              <p>{toShown(one.suggestedFix)}</p>
            </details>
          ))}
        </Panel>
      )}
    </>
  );
}

const BAR = { width: 10, gap: 2, height: 60 };

/** One bar a deploy, oldest first: its height is how long it took, its colour how it ended. */
function Chart({ deploys }: { deploys: readonly DeployView[] }) {
  const bars = [...deploys].reverse();
  const longest = Math.max(1, ...bars.map(({ outcome }) => outcome?.durationMs ?? 0));
  const failed = bars.filter((one) => toKind(one) === 'failed').length;
  return (
    <svg
      class="chart"
      role="img"
      aria-label={`${bars.length} deploys, ${failed} failed`}
      width={bars.length * (BAR.width + BAR.gap)}
      height={BAR.height}
    >
      {bars.map((one, index) => {
        const height = Math.max(6, ((one.outcome?.durationMs ?? 0) / longest) * BAR.height);
        return (
          <rect
            key={one.id}
            class={toKind(one)}
            x={index * (BAR.width + BAR.gap)}
            y={BAR.height - height}
            width={BAR.width}
            height={height}
          >
            <title>{`${one.startedAt}: ${one.version ?? one.changeKind}, ${one.outcome?.outcome ?? 'under way'}`}</title>
          </rect>
        );
      })}
    </svg>
  );
}

function toKind({ outcome }: DeployView): 'healthy' | 'failed' | 'other' {
  if (outcome?.outcome === 'healthy') return 'healthy';
  return outcome?.outcome === 'failed' || outcome?.outcome === 'rolled_back' ? 'failed' : 'other';
}

function History({ deploys }: { deploys: readonly DeployView[] }) {
  if (deploys.length === 0) return <p class="dim">No deploy is remembered here.</p>;
  return (
    <Panel title={`The last ${deploys.length} deploys`}>
      <div class="scroll">
        <Chart deploys={deploys} />
        <table>
          <thead>
            <tr>
              <th scope="col">Started</th>
              <th scope="col">Version</th>
              <th scope="col">Change</th>
              <th scope="col">Strategy</th>
              <th scope="col">Ended</th>
              <th scope="col">Ticket</th>
            </tr>
          </thead>
          <tbody>
            {deploys.map((one) => (
              <tr key={one.id}>
                <td>
                  <Moment at={one.startedAt} />
                </td>
                <td class="mono">{toShown(one.version ?? one.digest?.slice(0, 19) ?? '-')}</td>
                <td>{toShown(one.changeKind.replaceAll('_', ' '))}</td>
                <td>{one.strategy.replaceAll('_', '-')}</td>
                <td class={toKind(one) === 'failed' ? 'bad' : toKind(one) === 'healthy' ? 'good' : 'dim'}>
                  {one.outcome?.outcome.replaceAll('_', ' ') ?? 'under way'}
                  {one.outcome?.fingerprint == null
                    ? ''
                    : `: ${toShown(one.outcome.fingerprint.class.replaceAll('_', ' '))}`}
                </td>
                <td>{one.ticket === null ? '-' : <a href={`#/tickets/${one.ticket}`}>{one.ticket.slice(-8)}</a>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
