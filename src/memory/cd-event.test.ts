import { describe, expect, it } from 'vitest';
import { toCdEvent, toCloudEventHeaders, toPackageUrl } from './cd-event.ts';
import type { DeployOutcome } from './facts.ts';
import { toDeploy, toOutcome } from './test-memory.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;
const tell = (outcome: DeployOutcome, changeKind = 'set_image', isFirst = false) => {
  const deploy = toDeploy('dep_1', 1, { changeKind, version: '1.4.2', image: 'ghcr.io/acme/web', ticket: 'tkt_1' });
  return toCdEvent({ deploy, outcome: toOutcome(deploy, outcome) }, { source: '/tiphys', isFirst });
};
const typeOf = (...input: Parameters<typeof tell>) => tell(...input)?.context.type;

describe('CDEvents', () => {
  it('uses the words of the vocabulary for what came to run', () => {
    expect(typeOf('healthy', 'add_service', true)).toBe('dev.cdevents.service.deployed.0.2.0');
    expect(typeOf('healthy')).toBe('dev.cdevents.service.upgraded.0.2.0');
    expect(typeOf('healthy', 'revert')).toBe('dev.cdevents.service.rolledback.0.2.0');
    expect(typeOf('rolled_back')).toBe('dev.cdevents.service.rolledback.0.2.0');
    expect(typeOf('healthy', 'remove_service')).toBe('dev.cdevents.service.removed.0.2.0');
  });

  it('tells nothing where nothing came to run', () => {
    expect((['failed', 'superseded', 'cancelled'] as const).map((outcome) => tell(outcome))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('has the fields the schemas ask for, and no others', () => {
    const event = tell('healthy');
    expect(Object.keys(event ?? {}).toSorted()).toEqual(['context', 'customData', 'customDataContentType', 'subject']);
    expect(event).toMatchObject({
      context: { version: '0.4.1', source: '/tiphys', timestamp: '2026-01-05T10:05:00.000Z', chainId: 'tkt_1' },
      subject: { id: 'shop/web', source: '/clusters/main', type: 'service' },
    });
    expect(event?.subject.content).toEqual({
      environment: { id: 'production', source: '/clusters/main' },
      artifactId: 'pkg:oci/web?repository_url=ghcr.io/acme/web&tag=1.4.2',
    });
    expect(tell('healthy', 'remove_service')?.subject.content).not.toHaveProperty('artifactId');
  });

  it('is the same event when it is made again, and another one for another deploy', () => {
    expect(tell('healthy')).toEqual(tell('healthy'));
    expect(tell('healthy')?.context.id).not.toBe(tell('healthy', 'revert')?.context.id);
  });

  it('names the artifact by digest, by tag, or by the commit', () => {
    expect(toPackageUrl(toDeploy('a', 1, { image: 'docker.io/library/redis', version: '7.2', digest: DIGEST }))).toBe(
      `pkg:oci/redis@sha256%3A${'ab'.repeat(32)}?repository_url=docker.io/library/redis&tag=7.2`,
    );
    expect(toPackageUrl(toDeploy('a', 1, { version: '7.2' }))).toBe('pkg:oci/web?tag=7.2');
    expect(toPackageUrl(toDeploy('a', 1, { commit: 'c0ffee' }))).toBe('pkg:generic/web@c0ffee');
  });

  it('writes attributes that a header can hold', () => {
    const event = tell('healthy');
    if (event === undefined) throw new Error('no event');
    const headers = toCloudEventHeaders({
      ...event,
      subject: { ...event.subject, id: 'grüße/"100 %"\r\nx-evil: 1' },
    });
    expect(headers['ce-subject']).toBe('gr%C3%BC%C3%9Fe/%22100%20%25%22%0D%0Ax-evil:%201');
    expect(headers).toMatchObject({ 'ce-specversion': '1.0', 'ce-time': event.context.timestamp });
  });
});
