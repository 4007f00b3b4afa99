import { api } from './api.ts';
import { Graph } from './graph.tsx';
import { Moment, Panel, Problem, toPercent, toShown } from './text.tsx';
import { useLoaded } from './live.ts';

type Service = Awaited<ReturnType<typeof api.services>>['items'][number];
type Rated = Service & { probability: number | undefined; strategy: string | undefined };

const MAX_RATED = 60;

/** Services by risk, and what is remembered as a picture. */
export function MemoryPage() {
  const found = useLoaded(
    async () => await rateServices(),
    [],
    ({ type }) => type === 'verdict' || type === 'memory',
  );
  return (
    <>
      <h1>Memory</h1>
      <Panel title="Services by risk">
        {found.kind === 'refused' ? <Problem error={found.error} /> : null}
        {found.kind === 'loaded' && found.value.length === 0 ? <p class="dim">No deploy is remembered yet.</p> : null}
        {found.kind === 'loaded' && found.value.length > 0 ? <ServiceTable services={found.value} /> : null}
      </Panel>
      <Panel title="The graph">
        <Graph />
      </Panel>
    </>
  );
}

/** The riskiest first; of very many only those that were deployed last are rated. */
async function rateServices(): Promise<Rated[]> {
  const { items } = await api.services();
  const newest = [...items].sort((a, b) => b.lastDeployAt.localeCompare(a.lastDeployAt));
  const rated = await Promise.all(
    newest.map(async (one, index): Promise<Rated> => {
      if (index >= MAX_RATED) return { ...one, probability: undefined, strategy: undefined };
      const { risk, strategy } = await api.context(one.service, toPlace(one));
      return { ...one, probability: risk.probability, strategy: strategy.strategy };
    }),
  );
  return rated.sort((a, b) => (b.probability ?? -1) - (a.probability ?? -1));
}

function toPlace({ environment, namespace, cluster }: Service) {
  return { environment, namespace, cluster };
}

function ServiceTable({ services }: { services: readonly Rated[] }) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Service</th>
            <th scope="col">Environment</th>
            <th scope="col">Next deploy fails with</th>
            <th scope="col">Advice</th>
            <th scope="col">Deploys</th>
            <th scope="col">Failed</th>
            <th scope="col">Last</th>
          </tr>
        </thead>
        <tbody>
          {services.map((one) => (
            <tr key={`${one.cluster}/${one.environment}/${one.namespace}/${one.service}`}>
              <td>
                <a href={`#/memory/${encodeURIComponent(one.service)}?${new URLSearchParams(toPlace(one)).toString()}`}>
                  {toShown(one.service)}
                </a>
              </td>
              <td>{toShown(one.environment)}</td>
              <td>{one.probability === undefined ? '-' : toPercent(one.probability)}</td>
              <td>{one.strategy?.replaceAll('_', '-') ?? '-'}</td>
              <td>{one.deploys}</td>
              <td class={one.failures > 0 ? 'bad' : ''}>{one.failures}</td>
              <td>
                <Moment at={one.lastDeployAt} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
