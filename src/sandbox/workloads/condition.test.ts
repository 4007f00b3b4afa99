import { describe, expect, it } from 'vitest';
import { holds } from './condition.ts';

const { NaN: none, POSITIVE_INFINITY: infinite } = Number;

describe('a condition of an analysis', () => {
  it.each([
    ['result[0] >= 0.95', [0.95], true],
    ['result[0] >= 0.95', [0.94], false],
    ['result[0] >= 0.95', [none], false],
    ['len(result) > 0 && result[0] < 1', [], false],
    ['len(result) == 0 || isNaN(result[0])', [none], true],
    ['len(result) > 0 and not isNaN(result[0])', [none], false],
    ['all(result, {# >= 0.9 && !isInf(#)})', [0.9, 1], true],
    ['all(result, {# >= 0.9 && !isInf(#)})', [0.9, infinite], false],
    ['all(result, {# >= 0.9})', [], true],
    ['any(result, {# > 1})', [0, 2], true],
    ['none(result, {# > 1}) && count(result, {# == 0}) == 2', [0, 0], true],
    ['len(filter(result, {# > 1})) == 1', [1, 2], true],
    ['default(result, 0) == 0', undefined, true],
    ['isNil(result)', undefined, true],
    ['asFloat(result) > 1 ? true : false', '1.5', true],
    ['asInt(result.code) == 200', { code: '200' }, true],
    ['result[-1] - result[0] * 2 == 1 + 1 % 3', [1, 4], true],
    ['-(result[0]) < 1e-3', [0], true],
    ["result == 'ok'", 'ok', true],
    ['result in [1]', 1, 'unexpected token "in"'],
    ['result[0] >= 0.95', [], 'index out of range: 0 (array length is 0)'],
    ['result >= 1', undefined, 'invalid operation on nil'],
    ['result[0]', [1], 'expected bool, but got number'],
    ['results[0] > 1', [1], 'unknown name results'],
    ['rate(result) > 1', [1], 'unknown name rate'],
    ['(result[0] > 1', [1], 'expected ")", got ""'],
    ['result[0] ~ 1', [1], 'unexpected token near "~ 1"'],
    ['all(result)', [1], 'a predicate is missing'],
  ])('%s of %j: %j', (condition, result, wanted) => {
    if (typeof wanted === 'boolean') expect(holds(condition, result)).toBe(wanted);
    else expect(() => holds(condition, result)).toThrow(wanted);
  });
});
