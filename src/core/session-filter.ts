import type { Phone } from './phone.ts';

/** Half-open or closed ends of a range; an absent end does not limit. */
export interface Range<T> {
  readonly gt?: T;
  readonly gte?: T;
  readonly lt?: T;
  readonly lte?: T;
}

/** Which of an account's sessions to list; absent fields do not limit. */
export interface SessionFilter {
  readonly firstParty?: Phone;
  readonly secondParty?: Phone;
  readonly virtualNumber?: Phone;
  readonly status?: 'active' | 'in-progress' | 'expired';
  readonly createdAt: Range<Date>;
  readonly expiresAt: Range<Date>;
  /** Whole seconds from creation to expiry. */
  readonly durationSeconds: Range<number>;
  readonly subaccountId?: string;
}

const DAY_MS = 86_400_000;
const DEFAULT_WINDOW_DAYS = 7;
const LONGEST_WINDOW_DAYS = 30;

/**
 * Bounds a filter in time as Plivo's API does: without any time it shows the last 7 days; a range that is
 * open at one end reaches 30 days; one that is longer is refused.
 *
 * @returns the name of the range that is too long instead.
 */
export function boundInTime(filter: SessionFilter, now: Date): SessionFilter | 'createdAt' | 'expiresAt' {
  if (!hasEnd(filter.createdAt) && !hasEnd(filter.expiresAt)) {
    return { ...filter, createdAt: { gte: new Date(now.getTime() - DEFAULT_WINDOW_DAYS * DAY_MS) } };
  }
  const createdAt = closeWindow(filter.createdAt);
  if (createdAt === null) return 'createdAt';
  const expiresAt = closeWindow(filter.expiresAt);
  return expiresAt === null ? 'expiresAt' : { ...filter, createdAt, expiresAt };
}

function hasEnd(range: Range<Date>): boolean {
  return Object.keys(range).length > 0;
}

function closeWindow(range: Range<Date>): Range<Date> | null {
  const from = latest(range.gt, range.gte);
  const upTo = earliest(range.lt, range.lte);
  const longest = LONGEST_WINDOW_DAYS * DAY_MS;
  if (from !== null && upTo !== null) return upTo - from > longest ? null : range;
  if (from !== null) return { ...range, lte: new Date(from + longest) };
  if (upTo !== null) return { ...range, gte: new Date(upTo - longest) };
  return range;
}

function latest(...dates: (Date | undefined)[]): number | null {
  const times = dates.flatMap((date) => (date ? [date.getTime()] : []));
  return times.length === 0 ? null : Math.max(...times);
}

function earliest(...dates: (Date | undefined)[]): number | null {
  const times = dates.flatMap((date) => (date ? [date.getTime()] : []));
  return times.length === 0 ? null : Math.min(...times);
}
