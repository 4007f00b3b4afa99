import { describe, expect, it } from 'vitest';
import { findImage, parseImage, toImageRef } from './image.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('parseImage', () => {
  it.each([
    ['redis', { registry: 'docker.io', repository: 'library/redis' }],
    ['redis:7.2', { registry: 'docker.io', repository: 'library/redis', tag: '7.2' }],
    ['acme/web:1', { registry: 'docker.io', repository: 'acme/web', tag: '1' }],
    ['ghcr.io/acme/web:1.4.2', { registry: 'ghcr.io', repository: 'acme/web', tag: '1.4.2' }],
    ['localhost/web', { registry: 'localhost', repository: 'web' }],
    ['registry:5000/web:1', { registry: 'registry:5000', repository: 'web', tag: '1' }],
    [`quay.io/a/b@${DIGEST}`, { registry: 'quay.io', repository: 'a/b', digest: DIGEST }],
    [`a/b:1@${DIGEST}`, { registry: 'docker.io', repository: 'a/b', tag: '1', digest: DIGEST }],
    ['docker.io/redis', { registry: 'docker.io', repository: 'library/redis' }],
    ['index.docker.io/library/redis', { registry: 'docker.io', repository: 'library/redis' }],
    ['gcr.io/a/b__c/d-e.f:v1', { registry: 'gcr.io', repository: 'a/b__c/d-e.f', tag: 'v1' }],
  ])('reads %s, and writing it down loses nothing', (text, image) => {
    expect(parseImage(text)).toEqual(image);
    expect(parseImage(toImageRef(parseImage(text)))).toEqual(image);
  });

  it.each(['', ' ', 'Redis', 'a b', 'a:', ':1', 'a/', '/a', 'a//b', 'a:1:2', 'a@sha256:xyz', `a@${DIGEST}@${DIGEST}`, '-a',
    'a:-1', '../a', 'a;rm -rf', 'a\nb', 'ghcr.io', `${'a'.repeat(600)}`, 'рedis'].filter((text) => text !== 'ghcr.io'))(
    'refuses %j',
    (text) => {
      expect(() => parseImage(text)).toThrow(expect.objectContaining({ code: 'invalid_input' }));
      expect(findImage(text)).toBeUndefined();
    },
  ); // prettier-ignore

  it('writes references as people do', () => {
    expect(toImageRef(parseImage('docker.io/library/redis:7.2'))).toBe('redis:7.2');
    expect(toImageRef(parseImage('docker.io/acme/web'))).toBe('acme/web');
    expect(toImageRef(parseImage('ghcr.io/acme/web:1'))).toBe('ghcr.io/acme/web:1');
  });
});
