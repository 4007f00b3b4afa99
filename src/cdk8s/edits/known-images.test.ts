import { expect, test } from 'vitest';
import { findKnownImage } from './known-images.ts';

test.each([
  ['redis', 999, 999],
  ['redis:7.2', 999, 999],
  ['docker.io/library/redis:7.2-alpine', 999, 1000],
  ['redis:7.2@sha256:' + 'a'.repeat(64), 999, 999],
  ['postgres:16-alpine3.20', 70, 70],
  ['nginxinc/nginx-unprivileged:1.27', 101, 101],
  ['docker.io/valkey/valkey:8', 999, 999],
])('%s runs as %d:%d', (image, user, group) => {
  expect(findKnownImage(image)).toMatchObject({ user, group });
});

test.each([
  'registry.example.com/redis:7.2',
  'bitnami/redis:7.2',
  'localhost:5000/redis',
  'nginx:1.27',
  'nginx-unprivileged:1',
  'valkey:8',
  'rabbitmq:4-alpine',
  'constructor',
  '__proto__',
])('nothing is assumed of %s', (image) => {
  expect(findKnownImage(image)).toBeUndefined();
});
