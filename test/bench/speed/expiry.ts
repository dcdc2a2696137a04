import { setTimeout as sleep } from 'node:timers/promises';
import { forgetWaiting, receiveCallbacks } from './arrivals.ts';
import { addSessions } from './fill.ts';
import { rounded } from './rows.ts';
import { DIAL, type World } from './world.ts';

const PATIENCE_MS = 90_000;

/** Very many sessions are over within one second, while a few callers a second want their answers. */
export async function expiry(world: World): Promise<void> {
  const many = world.isQuick ? 10_000 : 100_000;
  const receiver = await receiveCallbacks();
  try {
    const at = new Date(Date.now() + 2_000 + (1500 * many) / world.filledPerSecond);
    const callbackUrl = `${receiver.url}/ended`;
    // Counted from where nobody else's phones are.
    const from = 5_000_000;
    const wish = { from, to: from + many, numbers: world.numbers, ends: { at, callbackUrl } };
    await addSessions(world.house.url, world.vault, wish);
    const early = at.getTime() - Date.now() - 1_000;
    if (early < 0) throw new Error('filling in the sessions took longer than they live');
    await sleep(early);
    const [answers, seconds] = await Promise.all([steady(world), untilEnded(world, at)]);
    await checkBooked(world, at, callbackUrl, many);
    world.add({
      what: `${rounded(many)} sessions that are over in one second are announced, their callbacks booked, after`,
      figure: seconds,
      unit: 's',
      target: { atMost: 10 },
      how: `counted from the first one’s end, with ${rounded(world.sessions)} others that live on; no lease is left`,
    });
    world.add({
      what: '… p99 of answers meanwhile, at a steady 100 a second',
      figure: answers.p99,
      unit: 'ms',
      target: { atMost: 50 },
      how: `median ${rounded(answers.p50)} ms; callbacks go out at the same time`,
    });
  } finally {
    await forgetWaiting(world.house.sql, `${receiver.url}/ended`);
    receiver.close();
  }
}

function steady(world: World) {
  const seconds = world.isQuick ? 6 : 20;
  const run = { port: world.house.port, make: world.webhooks('answer'), connections: 16, expect: DIAL };
  return world.generator.run({ ...run, perSecond: 100, seconds, count: 100 * seconds });
}

/** @returns the seconds after the first end. */
async function untilEnded({ house }: World, at: Date): Promise<number> {
  await sleep(at.getTime() + 1_000 - Date.now());
  for (; Date.now() < at.getTime() + PATIENCE_MS; await sleep(100)) {
    // From the last on, as they are ended from the first on: so it walks past none that are.
    const left = await house.sql`
      select 1 from sessions where ended_at is null and expires_at >= ${at} and expires_at <= now()
      order by expires_at desc limit 1`;
    if (left.length === 0) return (Date.now() - at.getTime()) / 1000;
  }
  throw new Error(`not all were announced within ${PATIENCE_MS / 1000} s`);
}

async function checkBooked({ house }: World, at: Date, callbackUrl: string, many: number): Promise<void> {
  const [row] = await house.sql<{ booked: number; held: number }[]>`
    select (select count(*)::int from callbacks where url = ${callbackUrl}) as booked,
      (select count(*)::int from leases l join sessions s on s.id = l.session_id
        where s.expires_at >= ${at} and s.expires_at < ${at}::timestamptz + interval '1 s' and l.held_until > now()) as held`;
  if (row?.booked !== many || row.held > 0) throw new Error(`${row?.booked} booked, ${row?.held} leases held`);
}
