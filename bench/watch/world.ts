import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Change, Order, Report } from './protocol.ts';

/** The stand-in in a process of its own, so that what a client costs can be told from what a server does. */
export interface World {
  url: string;
  token: string;
  applications: number;
  /** Changes these Applications, one after the other, and gives when. */
  change(names: string[], perSecond: number): Promise<Change[]>;
  setFaults(faults: Extract<Order, { type: 'faults' }>['faults']): Promise<void>;
  close(): Promise<void>;
}

export async function startWorld(applications: number): Promise<World> {
  const child = fork(fileURLToPath(new URL('server.ts', import.meta.url)), [String(applications)]);
  const next = <T extends Report['type']>(type: T) =>
    new Promise<Extract<Report, { type: T }>>((resolve, reject) => {
      const onMessage = (report: Report) => {
        if (report.type !== type) return;
        child.off('message', onMessage);
        child.off('exit', onExit);
        resolve(report as Extract<Report, { type: T }>);
      };
      const onExit = () => reject(new Error('the stand-in ended'));
      child.on('message', onMessage);
      child.once('exit', onExit);
    });
  const order = async <T extends Report['type']>(order: Order, answer: T) => {
    const answered = next(answer);
    child.send(order);
    return await answered;
  };
  const { url, token } = await next('ready');
  return {
    url,
    token,
    applications,
    change: async (names, perSecond) => (await order({ type: 'change', names, perSecond }, 'changed')).changes,
    setFaults: async (faults) => void (await order({ type: 'faults', faults }, 'set')),
    close: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        if (child.connected) child.disconnect();
        else resolve();
      }),
  };
}
