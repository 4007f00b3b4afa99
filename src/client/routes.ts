// Where the API answers, in one place for every client; a test holds it against the published contract.

const part = (text: string) => encodeURIComponent(text);
const ticketAt = (id: string) => `/api/tickets/${part(id)}`;
const approvalAt = (id: string, approvalId: string) => `${ticketAt(id)}/approvals/${part(approvalId)}`;

/** Actions that need nothing but the ticket. */
export type PlainAction = 'start' | 'pause' | 'resume' | 'retry';

export const ROUTES = {
  me: '/api/me',
  info: '/api/info',
  ready: '/api/ready',
  audit: '/api/audit',
  verifyAudit: '/api/audit/verify',
  allEvents: '/api/events/stream',
  tickets: '/api/tickets',
  ticket: ticketAt,
  plan: (id: string) => `${ticketAt(id)}/plan`,
  events: (id: string) => `${ticketAt(id)}/events`,
  stream: (id: string) => `${ticketAt(id)}/stream`,
  ticketAudit: (id: string) => `${ticketAt(id)}/audit`,
  action: (id: string, action: PlainAction) => `${ticketAt(id)}/${action}`,
  approvePlan: (id: string) => `${ticketAt(id)}/approve-plan`,
  rejectPlan: (id: string) => `${ticketAt(id)}/reject-plan`,
  answer: (id: string) => `${ticketAt(id)}/answer`,
  cancel: (id: string) => `${ticketAt(id)}/cancel`,
  grant: (id: string, approvalId: string) => `${approvalAt(id, approvalId)}/grant`,
  deny: (id: string, approvalId: string) => `${approvalAt(id, approvalId)}/deny`,
  services: '/api/memory/services',
  context: (service: string) => `/api/memory/context/${part(service)}`,
  history: (service: string) => `/api/memory/history/${part(service)}`,
  explain: (ticketId: string) => `/api/memory/explain/${part(ticketId)}`,
  graph: '/api/memory/graph',
} as const;
