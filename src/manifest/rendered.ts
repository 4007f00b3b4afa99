/** One file of a rendering: what synth wrote, and what is committed beside the source. */
export interface RenderedFile {
  /** Relative to the repository root, with forward slashes: `dist/web/Deployment.web.k8s.yaml`. */
  path: string;
  content: string;
}

/**
 * The service a rendered file belongs to: the folder it stands in (`dist/web/x.yaml` is `web`). Where an output folder holds
 * the files directly, one per chart, the file's own name stands in (`dist/web.k8s.yaml` is `web`).
 */
export function toServiceName(path: string): string {
  const segments = path.split('/').filter((segment) => segment !== '' && segment !== '.');
  const folder = segments.at(-2);
  if (segments.length >= 3 && folder !== undefined) return folder;
  return (segments.at(-1) ?? path).replace(/(\.k8s)?\.(ya?ml|json)$/, '');
}

/** Whether a rendered file holds manifests at all. */
export function isManifestPath(path: string): boolean {
  return /\.(ya?ml|json)$/i.test(path);
}
