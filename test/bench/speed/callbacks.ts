import { setTimeout as sleep } from 'node:timers/promises';
import { type Arrivals, forgetWaiting, receiveCallbacks } from './arrivals.ts';
import { median, rounded } from './rows.ts';
import type { World } from './world.ts';

/** How soon and how fast callbacks reach a receiver that answers at once. */
export async function callbacks(world: World): Promise<void> {
  const receiver = await receiveCallbacks();
  try {
    await punctuality(world, receiver);
    await throughput(world, receiver);
  } finally {
    await forgetWaiting(world.house.sql, `${receiver.url}/many?`);
    receiver.close();
  }
}

async function punctuality(world: World, receiver: Arrivals): Promise<void> {
  const many = world.isQuick ? 11 : 40;
  await world.house.quiet();
  const rows = await book(world, { many, url: `${receiver.url}/late/`, firstInMs: 2_100, everyMs: 170 });
  await sleep(2_100 + many * 170 + 1_000);
  const late = rows.flatMap(({ url, due }) => receiver.at(new URL(url).pathname).map((came) => came - Number(due)));
  if (late.length !== many) throw new Error(`${late.length} of ${many} callbacks came`);
  world.add({
    what: 'A callback that is due, on an idle system, reaches its receiver after',
    figure: median(late),
    unit: 'ms',
    target: { atMost: 10 },
    how: `median of ${many}, at most ${rounded(Math.max(...late))} ms`,
  });
}

async function throughput(world: World, receiver: Arrivals): Promise<void> {
  const many = world.isQuick ? 4_000 : 40_000;
  const seconds = world.isQuick ? 3 : 15;
  await book(world, { many, url: `${receiver.url}/many?`, firstInMs: 0, everyMs: 0 });
  const arrived = () => receiver.at('/many');
  for (const until = performance.now() + seconds * 1000 + 1_500; performance.now() < until; await sleep(50)) {
    if (arrived().length >= many) break;
  }
  const [first = 0] = arrived();
  const counted = arrived().filter((at) => at <= first + seconds * 1000);
  const rate = ((counted.length - 1) * 1000) / ((counted.at(-1) ?? 0) - first);
  if (!(rate > 0)) throw new Error('no callback came');
  world.add({
    what: 'Callbacks delivered to one receiver',
    figure: rate,
    unit: 'a second',
    target: { atLeast: 2_000 },
    how: `the first ${rounded(counted.length)} of ${rounded(many)} that were due at once`,
  });
}

/** Callbacks as an ended session has them, their number behind the address. */
async function book(
  world: World,
  wish: { readonly many: number; readonly url: string; readonly firstInMs: number; readonly everyMs: number },
): Promise<readonly { url: string; due: Date }[]> {
  return world.house.sql<{ url: string; due: Date }[]>`
    insert into callbacks (event_key, account_id, session_id, virtual_number_id, event, sequence, url, method, next_attempt_at)
    select 'bench:' || gen_random_uuid(), s.account_id, s.id, s.virtual_number_id, 'SessionTimeout', n, ${wish.url}::text || n, 'POST',
      clock_timestamp() + interval '1 ms' * (${wish.firstInMs}::int + n * ${wish.everyMs}::int)
    from (select * from sessions where ended_at is null limit 1) s, generate_series(1, ${wish.many}::int) n
    returning url, next_attempt_at as due`;
}
