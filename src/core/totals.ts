import { invalid, type Refused } from './problem.ts';

/** What totals can be grouped by; `none` gives the total alone. */
export const GROUPINGS = [
  'none',
  'hour',
  'day',
  'status',
  'virtual_number',
  'country',
  'provider',
  'subaccount',
  'hangup_cause',
] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** Whole hours, in UTC: from the first, up to but not including the last. */
export interface HourRange {
  readonly from: Date;
  readonly to: Date;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const LONGEST_DAYS = 366;

/** The hours that are meant: the last 24, with the running one, unless told otherwise. */
export function boundHours(from: Date | undefined, to: Date | undefined, now: Date): HourRange | Refused {
  const end = to ?? new Date(Math.floor(now.getTime() / HOUR_MS) * HOUR_MS + HOUR_MS);
  const start = from ?? new Date(end.getTime() - DAY_MS);
  if (start >= end) return invalid('from', 'should be before to');
  if (end.getTime() - start.getTime() > LONGEST_DAYS * DAY_MS) return invalid('to', 'is more than 366 days after from');
  return { from: start, to: end };
}

/** How long the period of a stored sum is. */
export type Grain = 'hour' | 'day' | 'month';

/** A period of which sums are stored. */
export interface Cell {
  readonly grain: Grain;
  readonly period: Date;
}

/** The fewest periods, none longer than `longest`, that make up the range. */
export function cover({ from, to }: HourRange, longest: Grain): readonly Cell[] {
  const grains: readonly Grain[] =
    longest === 'month' ? ['month', 'day', 'hour'] : longest === 'day' ? ['day', 'hour'] : ['hour'];
  const cells: Cell[] = [];
  for (let period = from; period < to; ) {
    const at = period;
    const grain = grains.find((grain) => startOf(grain, at).getTime() === at.getTime() && endOf(grain, at) <= to);
    // Whole hours always fit.
    const taken = grain ?? 'hour';
    cells.push({ grain: taken, period });
    period = endOf(taken, period);
  }
  return cells;
}

/** When the hour, day or month began that the instant is in, by UTC. */
export function startOf(grain: Grain, at: Date): Date {
  if (grain === 'month') return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1));
  const length = grain === 'day' ? DAY_MS : HOUR_MS;
  return new Date(Math.floor(at.getTime() / length) * length);
}

function endOf(grain: Grain, start: Date): Date {
  if (grain === 'month') return new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1));
  return new Date(start.getTime() + (grain === 'day' ? DAY_MS : HOUR_MS));
}

/** The sums of a range of hours, all of it or one group's share. */
export interface Sums {
  readonly sessionsCreated: number;
  readonly sessionsEnded: number;
  /** At the end of the range. */
  readonly sessionsActive: number;
  readonly offered: number;
  readonly connected: number;
  readonly missed: number;
  readonly refused: number;
  readonly refusedByReason: Readonly<Record<string, number>>;
  readonly abandoned: number;
  readonly pinSuccesses: number;
  readonly pinFailures: number;
  readonly talkSeconds: number;
  readonly billedSeconds: number;
  /** Exact decimals by currency. */
  readonly amounts: Readonly<Record<string, string>>;
  /** The shortest length that 95 % of the connected calls do not exceed; null where there are none. */
  readonly lengthP95: number | null;
}

/** Calls that came, and that no end is known of. */
export function inProgress({ offered, connected, missed, refused, abandoned }: Sums): number {
  return offered - connected - missed - refused - abandoned;
}

/** The share of calls answered, among those put through to somebody; null where there were none. */
export function answerRate({ connected, missed }: Sums): number | null {
  return connected + missed === 0 ? null : connected / (connected + missed);
}

export function averageLength({ talkSeconds, connected }: Sums): number | null {
  return connected === 0 ? null : talkSeconds / connected;
}

/** A decimal with five places at least, as Plivo shows money. No digit is lost. */
export function moneyText(decimal: string): string {
  const [whole = '0', fraction = ''] = decimal.split('.');
  return `${whole}.${fraction.replace(/0+$/, '').padEnd(5, '0')}`;
}
