import type { z } from 'zod';
import type { contextSchema, graphSchema, historySchema, servicesSchema } from '../api/contract-memory.ts';

export type MemoryService = z.infer<typeof servicesSchema>['items'][number];
export type ContextView = z.infer<typeof contextSchema>;
export type HistoryView = z.infer<typeof historySchema>;
export type GraphView = z.infer<typeof graphSchema>;
export type MemoryPlace = Pick<MemoryService, 'service' | 'environment' | 'namespace' | 'cluster'>;

/** Where in the memory something stands, as query of a route. */
export function toPlaceQuery({ environment, namespace, cluster }: MemoryPlace): string {
  return new URLSearchParams({ environment, namespace, cluster }).toString();
}
