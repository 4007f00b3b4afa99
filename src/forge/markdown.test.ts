import { describe, expect, it } from 'vitest';
import { toCode, toCodeBlock, toTitle } from './markdown.ts';

/** What is outside of code, as a host reads it. */
const outside = (markdown: string) => markdown.replace(/(`+)[^]*?[^`]\1(?!`)/g, '');

describe('words of others in a pull request', () => {
  it.each([
    '@everyone look',
    'fixes #12',
    '![x](https://evil.example/x.png)',
    '<img src=x onerror=y>',
    'a `code` span',
    '``` a fence',
    '`',
    'ends in ```',
    '/approve',
    'two\n/merge',
    '--- \u001b[2J\u202E',
  ])('stand in code and get out of nothing: %j', (words) => {
    for (const markdown of [toCode(words), toCodeBlock(words)]) {
      expect(outside(markdown).trim()).toBe('');
      expect(markdown).not.toMatch(/\p{Cf}|[^\P{Cc}\n]/u);
    }
    expect(toCode(words)).not.toContain('\n');
  });

  it('are bounded', () => {
    expect(toCode('x'.repeat(5_000)).length).toBeLessThan(310);
    expect(toCode('')).toBe('');
  });

  it('mention and reference nothing in a title, and keep images readable', () => {
    expect(toTitle('Ask @ann\nto fix #12, !3 and GH-4', 80)).toBe('Ask @ ann to fix # 12, ! 3 and GH- 4');
    expect(toTitle('Set web to web@sha256:abc', 80)).toBe('Set web to web@sha256:abc');
    expect(toTitle('x'.repeat(200), 72)).toHaveLength(72);
  });
});
