import { describe, expect, it } from 'vitest';
import { findFreezeWindow, parseFreezeWindows, toWindowLabel } from './freeze-window.ts';

const at = (text: string) => Date.parse(text);
const common = { name: 'w', timeZone: 'Europe/Berlin' };
const isFrozen = (window: unknown, time: string, environment = 'production') =>
  findFreezeWindow(parseFreezeWindows([window]), at(time), environment) !== undefined;

const WEEKEND = { kind: 'weekly', ...common, from: 'fri 17:00', to: 'mon 08:00' };
const NIGHT = { kind: 'daily', ...common, from: '22:00', to: '06:00', days: ['fri'] };
const OFFICE = { kind: 'daily', ...common, from: '09:00', to: '10:00' };
const HOLIDAYS = { kind: 'absolute', ...common, from: '2026-12-20T00:00', to: '2027-01-02T08:00' };

describe('freeze windows', () => {
  it.each([
    // Friday, 17:00 in Berlin: 16:00 UTC in winter, 15:00 UTC in summer.
    [WEEKEND, '2026-01-09T15:59:59Z', false],
    [WEEKEND, '2026-01-09T16:00:00Z', true],
    [WEEKEND, '2026-07-10T14:59:59Z', false],
    [WEEKEND, '2026-07-10T15:00:00Z', true],
    [WEEKEND, '2026-01-11T12:00:00Z', true],
    [WEEKEND, '2026-01-12T06:59:59Z', true],
    [WEEKEND, '2026-01-12T07:00:00Z', false],
    [WEEKEND, '2026-01-14T12:00:00Z', false],
    [{ ...WEEKEND, from: 'tue 09:00', to: 'wed 09:00' }, '2026-01-13T12:00:00Z', true],
    [{ ...WEEKEND, from: 'tue 09:00', to: 'wed 09:00' }, '2026-01-14T12:00:00Z', false],
    // The night that begins on Friday ends on Saturday morning; the one before does not count.
    [NIGHT, '2026-01-09T21:30:00Z', true],
    [NIGHT, '2026-01-10T04:30:00Z', true],
    [NIGHT, '2026-01-10T05:30:00Z', false],
    [NIGHT, '2026-01-09T04:30:00Z', false],
    [NIGHT, '2026-01-10T21:30:00Z', false],
    [OFFICE, '2026-01-14T08:30:00Z', true],
    [OFFICE, '2026-01-14T09:00:00Z', false],
    [HOLIDAYS, '2026-12-19T22:59:59Z', false],
    [HOLIDAYS, '2026-12-19T23:00:00Z', true],
    [HOLIDAYS, '2027-01-02T06:59:59Z', true],
    [HOLIDAYS, '2027-01-02T07:00:00Z', false],
    [{ ...WEEKEND, timeZone: 'UTC' }, '2026-01-09T16:30:00Z', false],
    [{ ...WEEKEND, timeZone: 'Asia/Kathmandu' }, '2026-01-09T11:15:00Z', true],
  ])('%j at %s: %s', (window, time, frozen) => {
    expect(isFrozen(window, time)).toBe(frozen);
  });

  it('holds for the environments it names, or for all', () => {
    const window = { ...WEEKEND, environments: ['production'] };
    expect(isFrozen(window, '2026-01-10T12:00:00Z')).toBe(true);
    expect(isFrozen(window, '2026-01-10T12:00:00Z', 'staging')).toBe(false);
    expect(isFrozen(WEEKEND, '2026-01-10T12:00:00Z', 'staging')).toBe(true);
  });

  it.each([
    ['no list', { ...WEEKEND }],
    ['nothing', undefined],
    ['an unknown kind', [{ ...WEEKEND, kind: 'monthly' }]],
    ['an unknown time zone', [{ ...WEEKEND, timeZone: 'Europe/Atlantis' }]],
    ['no time zone', [{ ...WEEKEND, timeZone: undefined }]],
    ['an unknown day', [{ ...WEEKEND, from: 'freitag 17:00' }]],
    ['an hour that is none', [{ ...OFFICE, from: '25:00' }]],
    ['a window without length', [{ ...OFFICE, to: '09:00' }]],
    ['a date that is none', [{ ...HOLIDAYS, from: '2026-02-31T00:00' }]],
    ['an end before the beginning', [{ ...HOLIDAYS, to: '2026-12-01T00:00' }]],
    ['an unknown setting', [{ ...WEEKEND, colour: 'red' }]],
    ['no environments', [{ ...WEEKEND, environments: [] }]],
    ['a time in another zone', [{ ...HOLIDAYS, from: '2026-12-20T00:00Z' }]],
  ])('%s is an error of configuration, never a pass', (_what, value) => {
    expect(() => parseFreezeWindows(value)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });

  it('names every mistake at once', () => {
    const wrong = { ...OFFICE, from: '25:00', timeZone: 'x' };
    expect(() => parseFreezeWindows([OFFICE, wrong])).toThrow(/freezeWindows\.1\.timeZone.*freezeWindows\.1\.from/);
  });

  it('reads like a sentence', () => {
    const [window] = parseFreezeWindows([{ ...WEEKEND, name: 'weekend' }]);
    expect(window && toWindowLabel(window)).toBe('weekend (fri 17:00 to mon 08:00 every week, Europe/Berlin)');
  });
});
