import { z } from 'zod';
import { AppError } from '../lib/errors.ts';

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
type Day = (typeof DAYS)[number];

const TIME = /^(?:[01]\d|2[0-3]):[0-5]\d$/;
const WEEKLY_POINT = /^(mon|tue|wed|thu|fri|sat|sun) ((?:[01]\d|2[0-3]):[0-5]\d)$/;
const LOCAL_TIME = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?$/;

const common = {
  name: z.string().min(1).max(100),
  /** An IANA name such as `Europe/Berlin`: the clock on the wall there decides, summer time included. */
  timeZone: z.string().refine(isTimeZone, 'not an IANA time zone such as Europe/Berlin or UTC'),
  /** Environments it holds for; all when left out. */
  environments: z.array(z.string().min(1)).min(1).optional(),
};

/** A time in which nothing is deployed: each day of some days, a stretch of every week, or one stretch of the calendar. */
const freezeWindowSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('daily'),
    ...common,
    /** Days on which it begins; every day when left out. An end before the beginning is on the next day. */
    days: z.array(z.enum(DAYS)).min(1).optional(),
    from: z.string().regex(TIME, 'a time such as 22:00'),
    to: z.string().regex(TIME, 'a time such as 06:00'),
  }),
  z.strictObject({
    kind: z.literal('weekly'),
    ...common,
    from: z.string().regex(WEEKLY_POINT, 'a day and time such as "fri 17:00"'),
    to: z.string().regex(WEEKLY_POINT, 'a day and time such as "mon 08:00"'),
  }),
  z.strictObject({
    kind: z.literal('absolute'),
    ...common,
    from: z.string().refine(isLocalTime, 'a local time such as 2026-12-20T00:00'),
    to: z.string().refine(isLocalTime, 'a local time such as 2027-01-02T08:00'),
  }),
]);

export type FreezeWindow = z.infer<typeof freezeWindowSchema>;

const windowsSchema = z.array(freezeWindowSchema).superRefine((windows, context) => {
  for (const [index, window] of windows.entries()) {
    if (window.kind === 'absolute' ? toSeconds(window.to) > toSeconds(window.from) : window.from !== window.to)
      continue;
    context.addIssue({ code: 'custom', path: [index, 'to'], message: 'it must end after it begins' });
  }
});

/** Reads windows from configuration. Throws `config_invalid` naming every mistake: a window that cannot be read never opens. */
export function parseFreezeWindows(value: unknown): FreezeWindow[] {
  const parsed = windowsSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `freezeWindows.${issue.path.join('.')}: ${issue.message}`);
  throw new AppError('config_invalid', `freeze windows cannot be read: ${issues.join('; ')}`, {
    hint: 'Correct the policy.freezeWindows setting.',
    details: { issues },
  });
}

/** The window in which a time (milliseconds since the epoch) falls for an environment, or undefined. */
export function findFreezeWindow(
  windows: readonly FreezeWindow[],
  at: number,
  environment: string,
): FreezeWindow | undefined {
  return windows.find((window) => {
    const isMeant = window.environments === undefined || window.environments.includes(environment);
    return isMeant && isWithin(window, at);
  });
}

/** A window as a person would say it. */
export function toWindowLabel(window: FreezeWindow): string {
  const days = window.kind === 'daily' && window.days !== undefined ? ` on ${window.days.join(', ')}` : '';
  const often = window.kind === 'absolute' ? '' : window.kind === 'weekly' ? ' every week' : days || ' every day';
  return `${window.name} (${window.from} to ${window.to}${often}, ${window.timeZone})`;
}

const MINUTES_A_DAY = 24 * 60;

function isWithin(window: FreezeWindow, at: number): boolean {
  const wall = toWallClock(at, window.timeZone);
  switch (window.kind) {
    case 'absolute': {
      const now = toSeconds(wall.date);
      return now >= toSeconds(window.from) && now < toSeconds(window.to);
    }
    case 'weekly': {
      const [from, to] = [toWeekMinute(window.from), toWeekMinute(window.to)];
      const now = DAYS.indexOf(wall.day) * MINUTES_A_DAY + wall.minute;
      return from < to ? now >= from && now < to : now >= from || now < to;
    }
    case 'daily': {
      const [from, to] = [toDayMinute(window.from), toDayMinute(window.to)];
      const days: readonly Day[] = window.days ?? DAYS;
      const yesterday = DAYS[(DAYS.indexOf(wall.day) + 6) % 7];
      if (from < to) return days.includes(wall.day) && wall.minute >= from && wall.minute < to;
      const isTonight = days.includes(wall.day) && wall.minute >= from;
      return isTonight || (yesterday !== undefined && days.includes(yesterday) && wall.minute < to);
    }
  }
}

interface WallClock {
  day: Day;
  /** Minutes since midnight. */
  minute: number;
  /** As `2026-12-20T09:30:00`. */
  date: string;
}

function toWallClock(at: number, timeZone: string): WallClock {
  if (!isTimeZone(timeZone) || !Number.isFinite(at))
    throw new AppError(
      'config_invalid',
      `freeze window with time zone ${JSON.stringify(timeZone)} cannot be placed in time`,
      {
        hint: 'Use an IANA time zone such as Europe/Berlin.',
      },
    );
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    weekday: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  const parts = new Map(format.formatToParts(at).map((part) => [part.type, part.value]));
  const get = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? '';
  const name = get('weekday').toLowerCase();
  return {
    day: DAYS.find((day) => day === name) ?? 'mon',
    minute: Number(get('hour')) * 60 + Number(get('minute')),
    date: `${get('year')}-${get('month')}-${get('day')}T${get('hour')}:${get('minute')}:${get('second')}`,
  };
}

function toDayMinute(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

function toWeekMinute(point: string): number {
  const [, day = 'mon', time = '00:00'] = WEEKLY_POINT.exec(point) ?? [];
  return DAYS.findIndex((name) => name === day) * MINUTES_A_DAY + toDayMinute(time);
}

// Both sides are clock readings of one zone, so they are compared as if that zone were UTC.
function toSeconds(local: string): number {
  return Date.parse(`${local.length === 16 ? `${local}:00` : local}Z`) / 1000;
}

// The calendar is asked, too: the 31st of February passes every pattern and is silently moved into March.
function isLocalTime(text: string): boolean {
  if (!LOCAL_TIME.test(text)) return false;
  const seconds = toSeconds(text);
  return Number.isFinite(seconds) && new Date(seconds * 1000).toISOString().startsWith(text.slice(0, 16));
}

function isTimeZone(name: string): boolean {
  try {
    return name !== '' && new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
