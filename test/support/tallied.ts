import { type Grouping, type HourRange, moneyText, type Sums } from '../../src/core/totals.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** What one call adds to totals. */
export interface TalliedCall {
  readonly subaccount: string;
  /** Which of the numbers. */
  readonly number: number;
  readonly hour: Date;
  readonly status: 'in-progress' | 'connected' | 'missed' | 'refused' | 'abandoned';
  readonly hangupCode: number | null;
  readonly refusal: string;
  readonly currency: string;
  readonly millis: number;
  readonly talkSeconds: number;
  readonly billedSeconds: number;
  readonly pinSuccesses: number;
  readonly pinFailures: number;
  /** How often it was tallied before, and taken back. */
  readonly changes: number;
}

export interface TalliedSession {
  readonly subaccount: string;
  readonly number: number;
  readonly createdAt: Date;
  readonly endedAt: Date | null;
}

export interface Happened {
  readonly calls: readonly TalliedCall[];
  readonly sessions: readonly TalliedSession[];
}

/** Where it happened. */
export interface TallyPlace {
  readonly account: string;
  readonly numbers: readonly {
    readonly id: number;
    readonly number: string;
    readonly country: string;
    readonly provider: number;
  }[];
}

/** The sums of what happened, added up one by one. */
export function addUp({ calls, sessions }: Happened, { from, to }: HourRange): Sums {
  const inRange = (at: Date | null) => at !== null && at >= from && at < to;
  const own = calls.filter(({ hour }) => inRange(hour));
  const sum = (of: (call: TalliedCall) => number) => own.reduce((total, call) => total + of(call), 0);
  const count = (status: TalliedCall['status']) => own.filter((call) => call.status === status).length;
  const lengths = own.filter(({ status }) => status === 'connected').map(({ talkSeconds }) => talkSeconds);
  const sorted = lengths.sort((a, b) => a - b);
  const refusals = own.filter(({ status }) => status === 'refused').map(({ refusal }) => refusal);
  const amounts: Record<string, number> = {};
  for (const { currency, millis } of own) amounts[currency] = (amounts[currency] ?? 0) + millis;
  return {
    sessionsCreated: sessions.filter(({ createdAt }) => inRange(createdAt)).length,
    sessionsEnded: sessions.filter(({ endedAt }) => inRange(endedAt)).length,
    sessionsActive:
      sessions.filter(({ createdAt }) => createdAt < to).length -
      sessions.filter(({ endedAt }) => endedAt !== null && endedAt < to).length,
    offered: own.length,
    ...{
      connected: count('connected'),
      missed: count('missed'),
      refused: count('refused'),
      abandoned: count('abandoned'),
    },
    refusedByReason: Object.fromEntries(refusals.map((r) => [r, refusals.filter((other) => other === r).length])),
    ...{ pinSuccesses: sum((c) => c.pinSuccesses), pinFailures: sum((c) => c.pinFailures) },
    talkSeconds: lengths.reduce((a, b) => a + b, 0),
    billedSeconds: sum((c) => c.billedSeconds),
    amounts: Object.fromEntries(
      Object.entries(amounts).flatMap(([currency, n]) =>
        n === 0 ? [] : [[currency, moneyText((n / 1000).toFixed(3))]],
      ),
    ),
    lengthP95: sorted[Math.ceil((sorted.length * 19) / 20) - 1] ?? null,
  };
}

/** The groups that something falls into, each with its part of what happened, in the order of their keys. */
export function groupUp(happened: Happened, grouping: Grouping, range: HourRange, { numbers }: TallyPlace) {
  if (grouping === 'none') return [];
  const keysOf = (thing: TalliedCall | TalliedSession): string[] => {
    const number = numbers[thing.number];
    const isCall = 'status' in thing;
    if (grouping === 'status') return [isCall ? thing.status : ''];
    if (grouping === 'hangup_cause') return [isCall ? String(thing.hangupCode ?? '') : ''];
    if (grouping === 'virtual_number') return [String(number?.id)];
    if (grouping === 'country') return [number?.country ?? ''];
    if (grouping === 'provider') return [String(number?.provider)];
    if (grouping === 'subaccount') return [thing.subaccount];
    const length = grouping === 'hour' ? 13 : 10;
    const times = isCall ? [thing.hour] : [thing.createdAt, ...(thing.endedAt ? [thing.endedAt] : [])];
    const inRange = times.filter((time) => time >= range.from && time < range.to);
    return inRange.map((time) => time.toISOString().slice(0, length) + (grouping === 'hour' ? ':00:00Z' : ''));
  };
  const byTime = grouping === 'hour' || grouping === 'day';
  const keys = [...new Set([...happened.calls, ...happened.sessions].flatMap(keysOf))];
  const groups = keys.map((key) => {
    if (byTime) {
      const start = new Date(key).getTime();
      const from = new Date(Math.max(start, range.from.getTime()));
      const to = new Date(Math.min(start + (grouping === 'hour' ? HOUR : DAY), range.to.getTime()));
      return { key, sums: addUp(happened, { from, to }) };
    }
    const isIn = (thing: TalliedCall | TalliedSession) => keysOf(thing).includes(key);
    const part = { calls: happened.calls.filter(isIn), sessions: happened.sessions.filter(isIn) };
    return { key, sums: addUp(part, range) };
  });
  return groups.filter(({ sums }) => !isEmpty(sums)).sort((a, b) => compareKeys(grouping, a.key, b.key, numbers));
}

function isEmpty({ refusedByReason, amounts, lengthP95, ...counts }: Sums): boolean {
  return Object.values(counts).every((n) => n === 0);
}

function compareKeys(grouping: Grouping, a: string, b: string, numbers: TallyPlace['numbers']): number {
  if (grouping === 'provider' || grouping === 'hangup_cause')
    return (a === '' ? -1 : Number(a)) - (b === '' ? -1 : Number(b));
  const text = (key: string) =>
    grouping === 'virtual_number' ? (numbers.find(({ id }) => String(id) === key)?.number ?? '') : key;
  return text(a) < text(b) ? -1 : 1;
}
