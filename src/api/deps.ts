import type { PreflightDesk } from '../argocd/preflight-desk.ts';
import type { Database } from '../database/open.ts';
import type { Clock } from '../lib/clock.ts';
import type { Forge } from '../forge/forge.ts';
import type { Logger } from '../lib/logger.ts';
import type { Redactor } from '../lib/redact.ts';
import type { MemoryKeeper } from '../memory/memory-store.ts';
import type { Journal } from '../ticket/event-store.ts';
import type { TicketService } from '../ticket/service.ts';
import type { InfoView } from './contract.ts';
import type { Metrics } from './metrics.ts';
import type { PageFiles } from './routes/page.ts';
import type { AnswerMcp } from './routes/mcp.ts';
import type { Streams } from './stream.ts';

/** What the routes work with. */
export interface ApiDeps {
  db: Database;
  clock: Clock;
  logger: Logger;
  redactor: Redactor;
  journal: Journal;
  tickets: TicketService;
  memory: MemoryKeeper;
  /** The name under which the default instance's cluster is remembered. */
  cluster: string;
  /** Folder of the occurrence files. */
  occurrencesDir: string;
  /** Where events are sent to, for people; undefined where they are not sent. */
  eventsEndpoint: string | undefined;
  /** Everything of `GET /api/info` but the counts. */
  info: Omit<InfoView, 'tickets' | 'events'>;
  /** Where pull requests are followed; null where changes are pushed. Without a secret webhooks are refused. */
  webhooks: { forge: Pick<Forge, 'kind' | 'project'>; secret: string | null; wake: () => void } | null;
  /** What `/mcp` answers with; without it there is no such route. */
  answerMcp?: AnswerMcp;
  /** The page in the browser; without it there is none. */
  page?: PageFiles;
  /** How the Argo CD instances stand; what is wrong with them is among the warnings of `GET /api/info`. */
  preflight: Pick<PreflightDesk, 'check' | 'problems'>;
  /** Asked by `GET /api/ready`, all at once; each answers with a sentence or throws. */
  readiness: Record<string, () => Promise<string>>;
}

export interface RouteDeps extends ApiDeps {
  streams: Streams;
  metrics: Metrics;
}
