import { afterAll, beforeAll, expect, it } from 'vitest';
import { totalsFaults } from '../../src/store/invariants-totals.ts';
import { type Pair, startPair } from '../support/invariants.ts';
import { declared, makeSession } from '../support/service.ts';
import { endOfCall, plivoWebhook } from '../support/webhook-storm.ts';

let pair: Pair | null;
beforeAll(async () => {
  pair = await startPair(declared({ us: 1, tr: 0 }), { config: { publicUrl: 'https://bauta.example' } });
});
afterAll(() => pair?.settle());

it('a step that is refused, since its call has changed meanwhile, counts for nothing', async () => {
  if (pair === null) throw new Error('no pair');
  const { instances, sql } = pair;
  const caller = '+12025550001';
  const { virtual_number: virtualNumber } = await makeSession(instances[0], {
    ...{ first_party: caller, second_party: '+12025550002', callback_url: 'https://app.example/cb' },
  });
  // The same question many times at once, and the report of the call's end in the middle of them.
  for (let i = 0; i < 20; i++) {
    const call = {
      ...{ id: `race-${i}`, caller, virtualNumber, seconds: 30, billed: 60, costA: '0.00500', costB: '0.01000' },
    };
    const asked = { CallUUID: call.id, From: caller.slice(1), To: virtualNumber.slice(1), CallStatus: 'ringing' };
    const ask = (n: number) =>
      plivoWebhook(instances[n % 2 === 0 ? 0 : 1], '', { ...asked, Direction: 'inbound', Event: 'StartApp' });
    const report = () => plivoWebhook(instances[0], 'hangup/', endOfCall(call)['hangup/']);
    await Promise.all([ask(0), ask(1), report(), ask(2), ask(3)]);
  }
  const apart = await totalsFaults(sql);
  const faults = await pair.settle();
  pair = null;
  expect([...apart, ...faults]).toEqual([]);
});
