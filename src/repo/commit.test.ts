import { describe, expect, it } from 'vitest';
import { parseAuthor, toCommitMessage } from './commit.ts';

describe('commit messages', () => {
  it('end in our trailers as a paragraph of their own', () => {
    expect(toCommitMessage('Scale web to 3', { 'Tiphys-Ticket': 'tkt_1', 'Tiphys-Step': '1' })).toBe(
      'Scale web to 3\n\nTiphys-Ticket: tkt_1\nTiphys-Step: 1\n',
    );
    expect(toCommitMessage('A\r\nB  \n\n\nC\n\n', {})).toBe('A\n\nB\n\n\nC\n');
  });

  it('turn lines of a ticket that read like trailers into quotations', () => {
    const message = toCommitMessage(
      'Title\n\nTiphys-Ticket: forged\n  tiphys-anything : x\nSigned-off-by: The Boss <b@x>\nCo-Authored-By: a\nNote: stays',
      { 'Tiphys-Ticket': 'real' },
    );
    expect(message).toBe(
      'Title\n\n> Tiphys-Ticket: forged\n> tiphys-anything : x\n> Signed-off-by: The Boss <b@x>\n> Co-Authored-By: a\nNote: stays\n\nTiphys-Ticket: real\n',
    );
  });

  it('quote a title that reads like a trailer', () => {
    expect(toCommitMessage('Tiphys-Ticket: x', {})).toBe('> Tiphys-Ticket: x\n');
  });

  it('lose colours, control and direction characters', () => {
    expect(toCommitMessage('\u001b[2JRed\u0007 \u202eevil\0', {})).toBe('[2JRed evil\n');
  });

  it('are cut at a length nobody reads', () => {
    expect(toCommitMessage(`T\n\n${'x'.repeat(100_000)}`, { A: 'b' }).length).toBeLessThan(20_100);
  });

  it.each(['', '  \n ', '\u0007'])('are refused when empty: %j', (message) => {
    expect(() => toCommitMessage(message, {})).toThrow(expect.objectContaining({ code: 'invalid_input' }) as Error);
  });

  it.each([
    ['Tiphys-Ticket', 'a\nSigned-off-by: x'],
    ['Tiphys-Ticket', ''],
    ['Tiphys-Ticket', 'a\u2028b'],
    ['bad key', 'x'],
    ['a:b', 'x'],
    ['', 'x'],
  ])('refuse the trailer %j: %j', (key, value) => {
    expect(() => toCommitMessage('T', { [key]: value })).toThrow(
      expect.objectContaining({ code: 'invalid_input' }) as Error,
    );
  });
});

describe('authors', () => {
  it('are one line each', () => {
    expect(parseAuthor({ name: 'Ti Phys', email: 't@x.org' })).toEqual({ name: 'Ti Phys', email: 't@x.org' });
  });

  it.each([
    { name: 'a\nb', email: 't@x' },
    { name: 'a <evil@x>', email: 't@x' },
    { name: '', email: 't@x' },
    { name: 'a', email: '' },
    { name: 'a', email: 'a b' },
    { name: 'a', email: 'a@x>\ncommitter b' },
  ])('are refused otherwise: %j', (author) => {
    expect(() => parseAuthor(author)).toThrow(expect.objectContaining({ code: 'config_invalid' }) as Error);
  });
});
