import { setTimeout as sleep } from 'node:timers/promises';
import { connect, disconnect } from '../../../src/store/connect.ts';
import { foldTallies } from '../../../src/store/tallies.ts';
import { MAIN, SESSIONS, SUB } from '../../support/service.ts';
import { tallySessions } from '../../support/tallying.ts';
import { AUTHORIZATION } from './house.ts';
import { rounded } from './rows.ts';
import type { World } from './world.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** The list with each of its filters, one request after the other. */
export async function lists(world: World): Promise<void> {
  const at = (ms: number) => new Date(Date.now() + ms).toISOString().slice(0, 19).replace('T', ' ');
  const parties = world.parties.slice(0, 25);
  const queries: Readonly<Record<string, readonly object[]>> = {
    'no filter': [{}],
    first_party: parties.map(({ from }) => ({ first_party: from })),
    second_party: parties.map(({ from }) => ({ second_party: from.replace('+1505', '+1606') })),
    virtual_number: parties.map(({ to }) => ({ virtual_number: to })),
    'status=active': [{ status: 'active' }],
    'status=in-progress': [{ status: 'in-progress' }],
    'status=expired': [{ status: 'expired' }],
    subaccount: [{ subaccount: SUB.id }],
    created_time__gte: [{ created_time__gte: at(-2 * HOUR) }],
    created_time__lt: [{ created_time__lt: at(-2 * HOUR) }],
    expiry_time__gt: [{ expiry_time__gt: at(HOUR) }],
    expiry_time__lte: [{ expiry_time__lte: at(2 * DAY) }],
    duration__gte: [{ duration__gte: 86_400 }],
    'duration, of nobody': [{ duration: 12_345 }],
    'virtual_number and status=active': parties.map(({ to }) => ({ virtual_number: to, status: 'active' })),
  };
  const times = await medians(world, SESSIONS, queries);
  slowest(world, `List of ${rounded(world.sessions)} sessions, with the slowest of its filters`, 20, times);
}

/** Totals of all that is there, once it is folded. */
export async function totals(world: World): Promise<void> {
  await tallySessions(world.house.sql);
  await fold(world);
  const from = `${new Date(Date.now() - 29 * DAY).toISOString().slice(0, 13)}:00:00Z`;
  const groupings = ['hour', 'day', 'status', 'virtual_number'];
  const queries = groupings.map((one) => [one, [{ from, group_by: one }]] as const);
  const times = await medians(world, `/v1/Account/${MAIN.id}/Masking/Totals/`, Object.fromEntries(queries));
  slowest(world, 'Totals of 30 days, by the slowest of four groupings', 300, times);
}

/** In greater batches than the service's job, which does the same beside it. */
async function fold({ house }: World): Promise<void> {
  const db = connect(house.url, { connections: 1, statementTimeoutMs: 600_000 });
  for (let left = 1; left > 0; ) {
    if ((await foldTallies(db, 100_000)) === 0) await sleep(100);
    left = (await house.sql`select 1 from tallies limit 1`).length;
  }
  await disconnect(db, 1);
  await house.sql`vacuum analyze totals, totals_by_value, tallies`.simple();
}

async function medians(
  world: World,
  path: string,
  queries: Readonly<Record<string, readonly object[]>>,
): Promise<readonly { name: string; ms: number }[]> {
  await world.house.quiet();
  const times = [];
  for (const [name, variants] of Object.entries(queries)) {
    const paths = variants.map((query) => `${path}?${new URLSearchParams({ ...query })}`);
    const make = { kind: 'get', paths, authorization: AUTHORIZATION } as const;
    const run = { port: world.house.port, make, count: 25, connections: 1, seconds: 4, expect: { status: 200 } };
    times.push({ name, ms: (await world.generator.run(run)).p50 });
  }
  return times.sort((a, b) => b.ms - a.ms);
}

function slowest(world: World, what: string, atMost: number, times: readonly { name: string; ms: number }[]): void {
  const [first, ...others] = times;
  if (first === undefined) throw new Error('nothing was asked');
  const next = others.slice(0, 3).map(({ name, ms }) => `${name} ${rounded(ms)}`);
  world.add({
    what,
    figure: first.ms,
    unit: 'ms',
    target: { atMost },
    how: `the medians: ${first.name} ${rounded(first.ms)}, then ${next.join(', ')}; of ${times.length}`,
  });
}
