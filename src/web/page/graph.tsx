import { useEffect, useState } from 'preact/hooks';
import { api } from './api.ts';
import { useLoaded } from './live.ts';
import { Problem } from './text.tsx';

/** The memory as a picture: all of it, or what hangs together with one service. */
export function Graph({ about }: { about?: Record<string, string> }) {
  const [url, setUrl] = useState<string>();
  const found = useLoaded(
    async () => await api.graph(about ?? {}),
    [new URLSearchParams(about).toString()],
    ({ type }) => type === 'verdict',
  );
  const blob = found.kind === 'loaded' ? found.value : undefined;
  useEffect(() => {
    if (blob === undefined) return;
    const made = URL.createObjectURL(blob);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  if (found.kind === 'refused') return <Problem error={found.error} />;
  return url === undefined ? (
    <p class="dim">Loading ...</p>
  ) : (
    <img class="graph" src={url} alt="Services, environments, versions and failures, and what connects them" />
  );
}
