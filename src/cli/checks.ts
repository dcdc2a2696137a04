import { isRefused } from '../core/problem.ts';
import { readBy } from '../http/schemas.ts';
import { groupToWire, hourToWire, sumsToWire, totalsQuery } from '../http/totals-wire.ts';
import { everyFault } from '../service/operator.ts';
import { sumUp } from '../service/totals.ts';
import { type Command, failFor, Misused, table } from './command.ts';
import { accountOption, scopeFor } from './scope.ts';

const HALF_AN_HOUR_MS = 30 * 60_000;
const MOST_GROUPS = 1000;

export const totals: Command = {
  about: 'Sums up sessions, calls and money of whole hours; the last 24 as it is.',
  options: {
    ...accountOption,
    from: { value: 'HOUR', about: 'such as 2026-01-31T13:00:00Z' },
    to: { value: 'HOUR', about: 'not included' },
    'group-by': {
      value: 'WHAT',
      about: 'hour, day, status, virtual_number, country, provider, subaccount, hangup_cause',
    },
  },
  run: async (deps, given) => {
    const { from, to, 'group-by': by } = given.texts;
    const query = readBy(totalsQuery, { from, to, group_by: by, limit: MOST_GROUPS });
    if (!('value' in query)) throw new Misused(`${query.field} ${query.rule}.`);
    const { group_by: grouping, limit, offset, ...range } = query.value;
    const wish = { ...(range.from && { from: range.from }), ...(range.to && { to: range.to }), grouping };
    const summed = await sumUp(deps, await scopeFor(deps, given), { ...wish, page: { limit, offset } });
    if (isRefused(summed)) failFor(summed.problem);
    const span = { from: hourToWire(summed.from), to: hourToWire(summed.to), group_by: grouping };
    const total = sumsToWire(summed.total);
    const groups = summed.groups.map((group) => groupToWire(grouping, group));
    const heading = ['', 'SESSIONS', 'CALLS', 'CONNECTED', 'MISSED', 'REFUSED', 'TALK SECONDS', 'MONEY'];
    const rows = [...groups.map((group) => rowOf(group.key, group)), rowOf('total', total)];
    return { json: { ...span, total, groups }, text: `${span.from} to ${span.to}\n\n${table([heading, ...rows])}` };
  },
};

function rowOf(key: string, { sessions, calls, talk_seconds, amounts }: ReturnType<typeof sumsToWire>): string[] {
  const figures = [sessions.created, calls.offered, calls.connected, calls.missed, calls.refused.total, talk_seconds];
  const money = Object.entries(amounts).map(([currency, sum]) => `${currency} ${sum}`);
  return [key || '(none)', ...figures.map(String), money.join(', ')];
}

export const invariants: Command = {
  about: 'Proves for the whole database that what must never be is not there; ends with 1 where it is.',
  statementTimeoutMs: HALF_AN_HOUR_MS,
  run: async (deps) => {
    const faults = await everyFault(deps);
    const text = faults.length === 0 ? 'All invariants hold.' : faults.join('\n');
    return { json: { faults }, text, isWhole: faults.length === 0 };
  },
};
