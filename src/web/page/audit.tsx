import { useState } from 'preact/hooks';
import type { AuditVerdictView } from '../../api/contract.ts';
import { api } from './api.ts';
import { useLoaded } from './live.ts';
import { Moment, Panel, Problem, toShown } from './text.tsx';

const SHOWN = 200;

/** Who did what, the newest first, and whether the chain of hashes is whole. */
export function AuditPage() {
  const found = useLoaded(
    async () => await api.newestAudit(SHOWN),
    [],
    () => true,
  );
  const [verdict, setVerdict] = useState<AuditVerdictView>();
  const [error, setError] = useState<unknown>();
  return (
    <>
      <h1>Audit</h1>
      <Panel>
        <p class="row">
          <button onClick={() => void api.verifyAudit().then(setVerdict, setError)}>Verify the chain</button>
          <span role="status">
            {verdict === undefined ? null : verdict.kind === 'intact' ? (
              <span class="good">Intact: {verdict.entries} entries.</span>
            ) : (
              <span class="bad">
                Broken at entry {verdict.seq}: {toShown(verdict.problem ?? '')}
              </span>
            )}
          </span>
        </p>
        {error === undefined ? null : <Problem error={error} />}
        {found.kind === 'refused' ? <Problem error={found.error} /> : null}
        {found.kind !== 'loaded' ? null : (
          <div class="scroll">
            <table>
              <thead>
                <tr>
                  <th scope="col">No.</th>
                  <th scope="col">When</th>
                  <th scope="col">Who</th>
                  <th scope="col">What</th>
                  <th scope="col">Ticket</th>
                </tr>
              </thead>
              <tbody>
                {[...found.value.items].reverse().map((entry) => (
                  <tr key={entry.seq}>
                    <td>{entry.seq}</td>
                    <td>
                      <Moment at={entry.at} />
                    </td>
                    <td>{toShown(entry.actor)}</td>
                    <td>{toShown(entry.action)}</td>
                    <td>
                      {entry.ticketId === null ? (
                        '-'
                      ) : (
                        <a href={`#/tickets/${entry.ticketId}`}>{entry.ticketId.slice(-8)}</a>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
    </>
  );
}
