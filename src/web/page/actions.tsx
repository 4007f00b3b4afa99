import { useState } from 'preact/hooks';
import type { PlanView, TicketView } from '../../api/contract.ts';
import type { PlainAction } from '../../client/routes.ts';
import { toRiskTone, toShortHash } from '../../client/words.ts';
import { api } from './api.ts';
import { Confirm, type Asked } from './confirm.tsx';
import { Badge, Moment, Panel, Problem, toShown } from './text.tsx';

/** What the ticket waits for, and what a person can do about it now. */
export function Actions({ ticket, plan, done }: { ticket: TicketView; plan: PlanView | undefined; done: () => void }) {
  const [asked, setAsked] = useState<Asked>();
  const [error, setError] = useState<unknown>();
  const may = (action: TicketView['actions'][number]) => ticket.actions.includes(action);
  const ask = (one: Asked) => setAsked({ ...one, run: async (words) => await one.run(words).then(done) });
  const act = (action: PlainAction) => {
    setError(undefined);
    api.act(ticket.id, action).then(done, setError);
  };
  const others: PlainAction[] = ['start', 'resume', 'pause', 'retry'];
  return (
    <>
      <Hold ticket={ticket} plan={plan} ask={ask} done={done} />
      <p class="row">
        {others.filter(may).map((action) => (
          <button key={action} onClick={() => act(action)}>
            {action[0]?.toUpperCase()}
            {action.slice(1)}
          </button>
        ))}
        {may('cancel') ? (
          <button
            class="danger"
            onClick={() =>
              ask({
                title: 'Cancel this ticket?',
                body: <p>What is pushed already stays pushed.</p>,
                verb: 'Cancel the ticket',
                isDanger: true,
                field: { label: 'Why (optional)', isNeeded: false },
                run: async (reason) => await api.cancel(ticket.id, reason),
              })
            }
          >
            Cancel
          </button>
        ) : null}
      </p>
      {error === undefined ? null : <Problem error={error} />}
      {asked === undefined ? null : <Confirm asked={asked} close={() => setAsked(undefined)} />}
    </>
  );
}

interface HoldProps {
  ticket: TicketView;
  plan: PlanView | undefined;
  ask: (asked: Asked) => void;
  done: () => void;
}

function Hold({ ticket, plan, ask, done }: HoldProps) {
  const { hold } = ticket;
  if (hold === null || ticket.status === 'paused') return null;
  if (hold.kind === 'question') return <Question ticket={ticket} hold={hold} done={done} />;
  if (hold.kind === 'merge') return <Merge hold={hold} />;
  const isPlan = hold.kind === 'plan_approval';
  const risk = plan?.risk?.level;
  // Only what is shown can be approved: while a newer plan is on its way there is nothing to press.
  const isShown = !isPlan || plan?.changeHash === hold.changeHash;
  return (
    <Panel class="needs" title={isPlan ? 'Approve this plan?' : 'Approve?'}>
      {hold.kind === 'approval' ? <p>{toShown(hold.sentence)}</p> : null}
      <p class="dim">
        Hash <code>{toShortHash(hold.changeHash)}</code>, until <Moment at={hold.expiresAt} />
      </p>
      <p class="row">
        <button
          class="primary"
          disabled={!isShown}
          onClick={() =>
            ask({
              title: isPlan ? 'Approve exactly this?' : 'Go ahead?',
              body: (
                <p>
                  {risk === undefined ? null : (
                    <>
                      Risk <Badge text={risk} tone={toRiskTone(risk)} />.{' '}
                    </>
                  )}
                  {isPlan ? `${toObjects(plan?.changes.length ?? 0)} changed. ` : null}
                  The approval signs <code>{toShortHash(hold.changeHash)}</code>.
                </p>
              ),
              verb: 'Approve',
              run: async () =>
                isPlan
                  ? await api.approvePlan(ticket.id, hold.changeHash)
                  : await api.grant(ticket.id, hold.approvalId),
            })
          }
        >
          Approve ...
        </button>
        <button class="danger" onClick={() => ask(toRefusal(ticket, hold, false))}>
          {isPlan ? 'Reject ...' : 'Deny ...'}
        </button>
        {isPlan ? <button onClick={() => ask(toRefusal(ticket, hold, true))}>Ask for another plan ...</button> : null}
      </p>
    </Panel>
  );
}

function toRefusal(
  ticket: TicketView,
  hold: Extract<NonNullable<TicketView['hold']>, { changeHash: string }>,
  revise: boolean,
): Asked {
  return {
    title: revise ? 'What should be different?' : hold.kind === 'plan_approval' ? 'Reject this plan?' : 'Deny this?',
    body: <p>{revise ? 'It is planned again with your words.' : 'Your reason is kept in the audit log.'}</p>,
    verb: revise ? 'Plan again' : hold.kind === 'plan_approval' ? 'Reject' : 'Deny',
    isDanger: !revise,
    field: { label: 'Reason', isNeeded: hold.kind === 'plan_approval' },
    run: async (reason) =>
      hold.kind === 'plan_approval'
        ? await api.rejectPlan(ticket.id, reason, revise)
        : await api.deny(ticket.id, hold.approvalId, reason),
  };
}

/** The pull request is decided on the git host, not here. */
function Merge({ hold }: { hold: Extract<NonNullable<TicketView['hold']>, { kind: 'merge' }> }) {
  const isLink = /^https?:\/\//.test(hold.url);
  const name = `pull request #${hold.number}`;
  return (
    <Panel class="needs" title="Waits for a merge">
      <p>
        Merge or close{' '}
        {isLink ? (
          <a href={hold.url} rel="noreferrer">
            {name}
          </a>
        ) : (
          name
        )}{' '}
        from branch <code>{toShown(hold.branch)}</code>.
      </p>
    </Panel>
  );
}

interface QuestionProps {
  ticket: TicketView;
  hold: Extract<NonNullable<TicketView['hold']>, { kind: 'question' }>;
  done: () => void;
}

function Question({ ticket, hold, done }: QuestionProps) {
  const [words, setWords] = useState('');
  const [error, setError] = useState<unknown>();
  const send = (answer: string) => {
    api.answer(ticket.id, answer).then(done, setError);
  };
  return (
    <Panel class="needs" title="A question for you">
      <p>{toShown(hold.question)}</p>
      <p class="row">
        {hold.options.map((option) => (
          <button key={option} onClick={() => send(option)}>
            {toShown(option)}
          </button>
        ))}
      </p>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          send(words);
        }}
      >
        <label class="hidden" for="answer">
          Your answer
        </label>
        <input id="answer" class="grow" value={words} onInput={(event) => setWords(event.currentTarget.value)} />
        <button class="primary" disabled={words.trim() === ''}>
          Answer
        </button>
      </form>
      {error === undefined ? null : <Problem error={error} />}
    </Panel>
  );
}

function toObjects(count: number): string {
  return count === 1 ? '1 object is' : `${count} objects are`;
}
