import { describe, expect, it } from 'vitest';
import { parseImport } from './exchange.ts';

const OPTIONS = { source: 'legacy', cluster: 'main', nowMs: Date.UTC(2026, 0, 10) };
const DEPLOY = { type: 'deploy', id: 'd1', at: '2026-01-01T10:00:00Z', service: 'web', environment: 'production' };
const OUTCOME = { type: 'outcome', id: 'd1', at: '2026-01-01T10:05:00Z', outcome: 'healthy' };
const parse = (...lines: (object | string)[]) =>
  parseImport(lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'), OPTIONS);

describe('an import', () => {
  it('takes a plain history, with ids of its own made unique by where it comes from', () => {
    const { items, lines } = parse(DEPLOY, '', OUTCOME);
    expect(lines).toBe(2);
    const [deploy, outcome] = items;
    if (deploy?.kind !== 'deploy' || outcome?.kind !== 'outcome') throw new Error('not what was sent');
    expect(deploy.deploy).toMatchObject({
      cluster: 'main',
      namespace: 'production',
      origin: 'legacy',
      strategy: 'direct',
    });
    expect(deploy.deploy.id).toMatch(/^imp_[0-9a-f]{32}$/);
    expect(outcome.outcome.deployId).toBe(deploy.deploy.id);
    const [elsewhere] = parseImport(JSON.stringify(DEPLOY), { ...OPTIONS, source: 'other' }).items;
    expect(elsewhere).not.toMatchObject({ deploy: { id: deploy.deploy.id } });
  });

  it('keeps ids that are unique everywhere, and the first origin', () => {
    const [item] = parse({ ...DEPLOY, id: 'dep_0123abc', origin: 'first' }).items;
    expect(item).toMatchObject({ deploy: { id: 'dep_0123abc', origin: 'first' } });
  });

  it('takes nothing where a line cannot be read, and says which', () => {
    expect(() => parse(DEPLOY, '{"type":')).toThrow(/line 2 .*not JSON/);
    expect(() => parse({ ...DEPLOY, service: '' })).toThrow(/line 1 .*service/);
    expect(() => parse({ ...OUTCOME, outcome: 'fine' })).toThrow(/line 1 .*outcome/);
    expect(() => parse({ type: 'weaken' })).toThrow(/line 1/);
    expect(() => parse(DEPLOY, DEPLOY)).toThrow(/line 2 .*used before/);
    expect(() => parse(DEPLOY, { ...OUTCOME, at: '2026-01-01T09:00:00Z' })).toThrow(/line 2 .*ended before/);
    expect(() => parse({ ...DEPLOY, at: '2026-02-01T00:00:00Z' })).toThrow(/line 1 .*future/);
  });
});
