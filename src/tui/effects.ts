import type { PlanView, TicketView } from '../api/contract.ts';
import type { ApiClient } from '../client/api-client.ts';
import { toErrorText } from './error-text.ts';
import { createLoaders } from './loaders.ts';
import type { Action, Effect, State } from './model.ts';

interface EffectDeps {
  client: ApiClient;
  signal: AbortSignal;
  dispatch: (action: Action) => void;
  getState: () => State;
}

export interface Effects {
  /** Asks the server; what it says comes back as actions, what goes wrong as a notice. Never throws. */
  run(effect: Exclude<Effect, { type: 'quit' }>): void;
  /** Loads what an action makes necessary, such as the ticket that an event speaks of. */
  noticed(action: Action): void;
}

export function createEffects(deps: EffectDeps): Effects {
  const { client, signal, dispatch, getState } = deps;
  const loaders = createLoaders(deps);

  const tell = (text: string, tone: 'good' | 'bad' | 'info') => dispatch({ type: 'told', text, tone });
  const inBackground = (work: () => Promise<void>) => {
    work().catch((error: unknown) => {
      if (!signal.aborted) tell(toErrorText(error), 'bad');
    });
  };
  /** One request that changes a ticket, and a word when it is done. */
  const change = async (done: string, request: () => Promise<TicketView>) => {
    const ticket = await request();
    dispatch({ type: 'ticket_changed', ticket });
    tell(done, 'good');
  };

  const perform = async (effect: Exclude<Effect, { type: 'quit' }>): Promise<void> => {
    switch (effect.type) {
      case 'refresh':
        return await loaders.refresh();
      case 'open_ticket':
        dispatch({ type: 'ticket_opened', id: effect.id, tab: effect.tab });
        return await loaders.loadTicket(effect.id);
      case 'prepare_approval':
        return await prepareApproval(effect.id);
      case 'approve':
        await change('Approved. It is pushed next, and then watched until it is live.', async () =>
          client.approvePlan(effect.id, effect.changeHash),
        );
        // What happens next is told there.
        if (getState().open?.id === effect.id) dispatch({ type: 'tab_shown', tab: 'timeline' });
        return;
      case 'grant':
        return await change('Granted.', async () => await client.grant(effect.id, effect.approvalId));
      case 'send_text':
        return await sendText(effect);
      case 'act': {
        const { id, action } = effect;
        const calls = {
          start: { done: 'Started.', call: client.startTicket },
          pause: { done: 'Paused.', call: client.pause },
          resume: { done: 'Resumed.', call: client.resume },
          retry: { done: 'Another attempt has begun.', call: client.retry },
        } as const;
        return await change(calls[action].done, async () => await calls[action].call(id));
      }
      case 'create':
        return await create();
      case 'open_memory':
        dispatch({ type: 'screen_shown', screen: 'memory' });
        return await loaders.loadMemory();
      case 'open_service':
        dispatch({ type: 'service_opened', service: effect.service });
        return await loaders.loadService(effect.service);
      case 'open_service_of':
        return await openServiceOf(effect.application);
      case 'open_audit':
        dispatch({ type: 'screen_shown', screen: 'audit' });
        return await loaders.loadAudit();
    }
  };

  /** What is approved is what is shown: hash and risk come from the newest plan, asked for now. */
  const prepareApproval = async (id: string) => {
    const [ticket, plan] = await Promise.all([client.getTicket(id), client.getPlan(id)]);
    dispatch({ type: 'ticket_changed', ticket });
    dispatch({ type: 'plan_loaded', id, plan });
    if (plan.changeHash === null) return tell('The plan is still being checked.', 'info');
    dispatch({ type: 'dialog_opened', dialog: toApproval(ticket, plan, plan.changeHash) });
  };
  const sendText = async ({ id, purpose, approvalId, text }: Extract<Effect, { type: 'send_text' }>) => {
    switch (purpose) {
      case 'answer':
        return await change('Answered.', async () => await client.answer(id, text));
      case 'reject':
        return await change('Rejected.', async () => await client.rejectPlan(id, { reason: text, revise: false }));
      case 'deny':
        return await change('Denied.', async () => await client.deny(id, approvalId, text));
      case 'cancel':
        return await change('Cancelled.', async () => await client.cancel(id, text));
    }
  };
  const create = async () => {
    const { form } = getState();
    const title = form.title.text.trim();
    if (form.isSending) return;
    if (title === '') return tell('Say what should change first.', 'bad');
    dispatch({ type: 'form_sending', isSending: true });
    try {
      const application = form.application.text.trim();
      const target = {
        ...(application === '' ? {} : { application }),
        ...(form.target === undefined ? {} : { instance: form.target }),
      };
      const ticket = await client.createTicket({
        title,
        description: form.description.text,
        priority: form.priority,
        start: form.start,
        ...(Object.keys(target).length === 0 ? {} : { target }),
      });
      dispatch({ type: 'ticket_changed', ticket });
      dispatch({ type: 'form_cleared' });
      // Back to where the form was opened, so that Esc on the ticket does not lead into the empty form.
      dispatch({ type: 'went_back' });
      dispatch({ type: 'ticket_opened', id: ticket.id, tab: 'timeline' });
      await loaders.loadTicket(ticket.id);
    } finally {
      dispatch({ type: 'form_sending', isSending: false });
    }
  };
  const openServiceOf = async (application: string) => {
    await loaders.loadMemory();
    const row = getState().services.find(({ service }) => service.service === application);
    if (row === undefined) return tell(`Nothing is remembered about ${application} yet.`, 'info');
    dispatch({ type: 'service_opened', service: row.service });
    await loaders.loadService(row.service);
  };

  return {
    run: (effect) => inBackground(async () => await perform(effect)),
    noticed: (action) => inBackground(async () => await loaders.notice(action)),
  };
}

function toApproval(ticket: TicketView, plan: PlanView, changeHash: string) {
  const count = (type: PlanView['changes'][number]['type']) => plan.changes.filter((one) => one.type === type).length;
  return {
    kind: 'approve',
    ticketId: ticket.id,
    title: ticket.title,
    changeHash,
    summary: plan.summary,
    strategy: plan.advice.strategy,
    risk: plan.risk?.level ?? 'unknown',
    reasons: (plan.risk?.reasons ?? []).map(({ detail }) => detail),
    objects: { added: count('added'), changed: count('changed'), removed: count('removed') },
    warnings: plan.findings.filter(({ severity }) => severity !== 'info').length,
  } as const;
}
