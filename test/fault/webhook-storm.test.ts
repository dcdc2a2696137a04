import { afterAll, beforeAll, expect, it } from 'vitest';
import { totalsFaults } from '../../src/store/invariants-totals.ts';
import { type Pair, startPair } from '../support/invariants.ts';
import { declared, makeSession, PART } from '../support/service.ts';
import { endOfCall, plivoWebhook, type StormCall } from '../support/webhook-storm.ts';

const CALLS = 6000 / PART;
const SESSIONS = 500;

let house: Pair | null;
beforeAll(async () => {
  house = await startPair(declared(), { config: { publicUrl: 'https://bauta.example' } });
});
afterAll(() => house?.settle());

it('33 000 shuffled webhooks of 6 000 calls, each once to four times, on two instances: every sum is exact', async () => {
  if (house === null) throw new Error('no house');
  const { instances, sql } = house;
  const calls = await bookCalls(house);
  const deliveries: (() => Promise<number>)[] = [];
  for (const [i, call] of calls.entries()) {
    const { 'dial-answer': answer, 'dial-callback/': dialHangup, 'hangup/': hangup } = endOfCall(call);
    const asked = {
      CallUUID: call.id,
      From: call.caller.slice(1),
      To: call.virtualNumber.slice(1),
      CallStatus: 'ringing',
    };
    const copies = (n: number, path: string, params: Record<string, string>) => {
      for (let copy = 0; copy < n; copy++) {
        deliveries.push(() => plivoWebhook(instances[Math.random() < 0.5 ? 0 : 1], path, params));
      }
    };
    copies(1, '', { ...asked, Direction: 'inbound', Event: 'StartApp' });
    copies(1, 'dial-callback/', answer);
    copies(1 + (i % 2), 'dial-callback/', dialHangup);
    copies(1 + (i % 4), 'hangup/', hangup);
  }
  expect(deliveries.length).toBeGreaterThanOrEqual(33_000 / PART);
  shuffle(deliveries);
  const began = Date.now();
  const statuses = new Map<number, number>();
  let next = 0;
  const worker = async () => {
    for (let turn = next++; turn < deliveries.length; turn = next++) {
      const status = (await deliveries[turn]?.()) ?? 0;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  const perSecond = Math.round(deliveries.length / ((Date.now() - began) / 1000));
  process.stdout.write(`${deliveries.length} webhooks, ${perSecond} a second\n`);
  expect([...statuses]).toEqual([[200, deliveries.length]]);

  const sum = (of: (call: StormCall) => number) => calls.reduce((total, call) => total + of(call), 0);
  const hundredThousandths = (text: string) => Math.round(Number(text) * 100_000);
  const expected = {
    legs: 2 * CALLS,
    billed: 2 * sum(({ billed }) => billed),
    amount: sum(({ costA, costB }) => hundredThousandths(costA) + hundredThousandths(costB)),
  };
  const [totals] = await sql`
    select sum(total_calls)::int as legs, sum(total_billed_seconds)::int as billed,
      (sum(total_amount) * 100000)::bigint::int as amount
    from sessions`;
  expect(totals).toEqual(expected);
  // The caller answered; the callee rang, answered and hung up; the caller hung up; all is over.
  const [told] = await sql`
    select count(*)::int as callbacks, count(distinct call_id)::int as calls from callbacks where call_id is not null`;
  expect(told).toEqual({ callbacks: CALLS * 6, calls: CALLS });
  const [tallied] = await sql`
    select (sum(amount) * 100000)::bigint::int as amount, sum(billed_seconds)::int as billed,
      sum(talk_seconds)::int as talk, sum(offered)::int as offered, sum(connected)::int as connected
    from tallies`;
  const { amount, billed } = expected;
  expect(tallied).toEqual({ amount, billed, talk: sum(({ seconds }) => seconds), offered: CALLS, connected: CALLS });
  const apart = await totalsFaults(sql);
  const faults = await house.settle();
  house = null;
  expect([...apart, ...faults]).toEqual([]);
}, 300_000);

/** Sessions, and what will be told of their calls. */
async function bookCalls({ instances }: Pair): Promise<StormCall[]> {
  const made: { readonly caller: string; readonly virtualNumber: string }[] = [];
  for (let i = 0; i < SESSIONS; i++) {
    const [caller = '', callee] = [2 * i, 2 * i + 1].map((n) => `+1202${5_550_000 + n}`);
    const { virtual_number: virtualNumber } = await makeSession(instances[0], {
      ...{ first_party: caller, second_party: callee, callback_url: 'https://app.example/cb', session_expiry: 86_400 },
    });
    made.push({ caller, virtualNumber });
  }
  return Array.from({ length: CALLS }, (_, i): StormCall => {
    const session = made[i % SESSIONS];
    if (session === undefined) throw new Error('no session');
    const seconds = 1 + (i % 90);
    const cost = (factor: number) => ((seconds * factor) / 100_000).toFixed(5);
    return {
      id: `storm-${i}`,
      ...session,
      seconds,
      billed: 60 * Math.ceil(seconds / 60),
      costA: cost(7),
      costB: cost(31),
    };
  });
}

function shuffle<T>(items: T[]): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [items[i], items[j]] = [items[j] as T, items[i] as T];
  }
}
