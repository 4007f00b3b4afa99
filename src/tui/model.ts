import type { AuditPage, AuditVerdict, ReadyView } from '../client/api-client.ts';
import type { ContextView, GraphView, HistoryView, MemoryService } from './memory-place.ts';
import type { InfoView, PlanView, TicketView } from '../api/contract.ts';
import type { TicketEvent } from '../ticket/event.ts';
import type { EditLine, EditStep } from './text/edit-line.ts';

// Everything on the screen follows from one value of `State`; keys and answers of the server become `Action`s on it,
// and what has to be asked of the server is an `Effect`.

export type Screen = 'dashboard' | 'ticket' | 'memory' | 'service' | 'audit' | 'create' | 'help';

export const TICKET_TABS = ['timeline', 'plan', 'difference', 'observed', 'memory'] as const;
export type TicketTab = (typeof TICKET_TABS)[number];

export type Connection = { kind: 'connecting' } | { kind: 'live' } | { kind: 'lost'; reason: string };

export interface Notice {
  text: string;
  tone: 'good' | 'bad' | 'info';
  untilMs: number;
}

/** The ticket on the ticket screen. */
export interface OpenTicket {
  id: string;
  plan: PlanView | undefined;
  /** Oldest first, each once. */
  events: readonly TicketEvent[];
  isLoading: boolean;
  tab: TicketTab;
  /** First line shown, by tab. */
  tops: Readonly<Record<TicketTab, number>>;
  /** The timeline stays at its end as events come in. */
  isFollowing: boolean;
  /** Positions in the plan's changes whose difference is folded away. */
  folded: ReadonlySet<number>;
  search: EditLine;
  isSearching: boolean;
}

/** A remembered service; its context comes later and one by one. */
export interface ServiceRow {
  service: MemoryService;
  risk: { probability: number; low: number; high: number } | undefined;
}

export interface OpenService {
  service: MemoryService;
  context: ContextView | undefined;
  history: HistoryView['items'];
  /** What hangs together with it. */
  around: GraphView;
  top: number;
}

export const FORM_FIELDS = ['title', 'description', 'application', 'target', 'priority', 'start'] as const;
export type FormField = (typeof FORM_FIELDS)[number];

export interface Form {
  focus: FormField;
  title: EditLine;
  description: EditLine;
  application: EditLine;
  /** The Argo CD instance; undefined for the default one. */
  target: string | undefined;
  priority: TicketView['priority'];
  start: boolean;
  isSending: boolean;
}

export type TextPurpose = 'answer' | 'reject' | 'deny' | 'cancel';

/** What is asked before anything else can happen. */
export type Dialog =
  | {
      kind: 'approve';
      ticketId: string;
      title: string;
      changeHash: string;
      /** What would be done, in the plan's words; the title is the ticket's. */
      summary: string;
      strategy: string;
      risk: string;
      reasons: readonly string[];
      objects: { added: number; changed: number; removed: number };
      /** Findings that are more than information. */
      warnings: number;
    }
  | { kind: 'grant'; ticketId: string; approvalId: string; purpose: string; sentence: string; changeHash: string }
  | {
      kind: 'text';
      purpose: TextPurpose;
      ticketId: string;
      approvalId: string;
      question: string;
      options: string[];
      input: EditLine;
    }
  | { kind: 'quit' };

export interface State {
  size: { width: number; height: number };
  nowMs: number;
  /** Where the server is. */
  place: string;
  /** The server ends with this program. */
  isStandalone: boolean;
  connection: Connection;
  notice: Notice | undefined;
  info: InfoView | undefined;
  checks: ReadyView['checks'];
  screen: Screen;
  /** Where Esc leads, innermost last. */
  back: readonly Screen[];
  /** Newest first. */
  tickets: readonly TicketView[];
  isListing: boolean;
  /** By id, so that the cursor stays on its ticket as new ones come in. */
  selectedId: string | undefined;
  filter: EditLine;
  isFiltering: boolean;
  /** Risk of the newest plan by ticket; `none` where there is no plan. */
  risks: ReadonlyMap<string, string>;
  /** What Argo CD said last, by application. */
  applications: ReadonlyMap<string, { sync: string; health: string }>;
  activity: { ticketId: string; text: string; at: string } | undefined;
  open: OpenTicket | undefined;
  services: readonly ServiceRow[];
  isRemembering: boolean;
  serviceCursor: number;
  openService: OpenService | undefined;
  audit: { page: AuditPage | undefined; verdict: AuditVerdict | undefined; top: number };
  form: Form;
  dialog: Dialog | undefined;
  helpTop: number;
}

export type Action =
  | { type: 'resized'; width: number; height: number }
  | { type: 'ticked'; nowMs: number }
  | { type: 'connection_changed'; connection: Connection }
  | { type: 'told'; text: string; tone: Notice['tone'] }
  | { type: 'info_loaded'; info: InfoView; checks: ReadyView['checks'] }
  | { type: 'listing_began' }
  | { type: 'tickets_loaded'; tickets: readonly TicketView[]; isLast: boolean }
  | { type: 'ticket_changed'; ticket: TicketView }
  | { type: 'risk_loaded'; id: string; risk: string }
  | { type: 'event_came'; event: TicketEvent }
  | { type: 'observations_loaded'; events: readonly TicketEvent[] }
  | { type: 'ticket_opened'; id: string; tab: TicketTab }
  | { type: 'ticket_loaded'; ticket: TicketView; plan: PlanView | undefined; events: readonly TicketEvent[] }
  | { type: 'plan_loaded'; id: string; plan: PlanView }
  | { type: 'tab_shown'; tab: TicketTab }
  | { type: 'scrolled'; by: number | 'page_down' | 'page_up' | 'start' | 'end' }
  | { type: 'fold_toggled' }
  | { type: 'folds_set'; isFolded: boolean }
  | { type: 'match_sought'; direction: 1 | -1 }
  | { type: 'screen_shown'; screen: Screen }
  | { type: 'went_back' }
  | { type: 'filtering'; isOn: boolean }
  | { type: 'searching'; isOn: boolean }
  | { type: 'typed'; step: EditStep }
  | { type: 'memory_loaded'; services: readonly MemoryService[] }
  | { type: 'service_risk_loaded'; service: MemoryService; risk: NonNullable<ServiceRow['risk']> }
  | { type: 'service_opened'; service: MemoryService }
  | {
      type: 'service_loaded';
      service: MemoryService;
      context: ContextView;
      history: HistoryView['items'];
      around: GraphView;
    }
  | { type: 'audit_loaded'; page: AuditPage; verdict: AuditVerdict }
  | { type: 'form_moved'; by: 1 | -1 }
  | { type: 'form_chosen'; by: 1 | -1 }
  | { type: 'form_sending'; isSending: boolean }
  | { type: 'form_cleared' }
  | { type: 'dialog_opened'; dialog: Dialog }
  | { type: 'option_taken'; by: 1 | -1 }
  | { type: 'dialog_closed' };

export type Effect =
  | { type: 'quit' }
  | { type: 'refresh' }
  | { type: 'open_ticket'; id: string; tab: TicketTab }
  | { type: 'prepare_approval'; id: string }
  | { type: 'approve'; id: string; changeHash: string }
  | { type: 'grant'; id: string; approvalId: string }
  | { type: 'send_text'; id: string; purpose: TextPurpose; approvalId: string; text: string }
  | { type: 'act'; id: string; action: 'start' | 'pause' | 'resume' | 'retry' }
  | { type: 'create' }
  | { type: 'open_memory' }
  | { type: 'open_service'; service: MemoryService }
  | { type: 'open_service_of'; application: string }
  | { type: 'open_audit' };

/** One key as the terminal sent it: a printable character, or the name of another key such as `up` or `ctrl+s`. */
export type Key = { kind: 'char'; char: string } | { kind: 'named'; name: string } | { kind: 'paste'; text: string };

/** What a key means where it is pressed: changes of the state first, then what is asked of the server. */
export interface Meaning {
  actions: Action[];
  effects: Effect[];
}
