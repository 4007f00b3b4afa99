import { describe, expect, it } from 'vitest';
import { listNamedInstances, withoutNamedInstances } from './named-instances.ts';

const NAMES = ['default', 'west', 'west-2', 'staging'];
const TAKEN = new Set(['web', 'staging']);
const list = (text: string) => listNamedInstances(text, NAMES, TAKEN);

describe('an instance in the words of a ticket', () => {
  it.each([
    ['Scale web to 3 on west', ['west']],
    ['Scale web to 3 on West.', ['west']],
    ['On west: scale web to 3', ['west']],
    ['Update web to 1.5.0 on west-2 and scale it to 3', ['west-2']],
    ['Scale web to 3 in cluster west', ['west']],
    ['Scale web to 3 in the west cluster', ['west']],
    ['Scale web to 3 on the "west" instance', ['west']],
    ['Scale web to 3 on Argo CD instance west', ['west']],
    ['Scale web to 3 in cluster default', ['default']],
    ['Scale web to 3 on west and on west-2', ['west', 'west-2']],
    ['Do it on west, yes, on west', ['west']],
  ])('is read from: %s', (text, names) => {
    expect(list(text)).toEqual(names);
  });

  it.each([
    'Scale west to 3',
    'Scale web to 3 in west',
    'Set WEST on westward',
    'Turn on west settings of web',
    'Expose web on default port 80',
    'Scale web to 3 on default',
    'Scale web to 3 on staging',
    'Update web on west-3',
  ])('is not read from: %s', (text) => {
    expect(list(text)).toEqual([]);
  });

  it('that shares its name with an environment is meant where it is called a cluster', () => {
    expect(list('Scale web to 3 in cluster staging')).toEqual(['staging']);
  });

  it.each([
    ['Scale web to 3 on west', 'Scale web to 3'],
    ['Update web to 1.5.0 on west-2 and scale it to 3', 'Update web to 1.5.0 and scale it to 3'],
    ['On west: scale web to 3', 'scale web to 3'],
    ['Scale web\nin the west cluster.\nThanks', 'Scale web.\nThanks'],
    ['Scale web to 3 on staging', 'Scale web to 3 on staging'],
  ])('is taken out of what is planned: %s', (text, rest) => {
    expect(withoutNamedInstances(text, NAMES, TAKEN)).toBe(rest);
  });
});
