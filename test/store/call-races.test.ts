import { expect, test } from 'vitest';
import type { Phone } from '../../src/core/phone.ts';
import { isRefused } from '../../src/core/problem.ts';
import { answerCall } from '../../src/service/calls.ts';
import { createSession } from '../../src/service/create-session.ts';
import { findConnection } from '../../src/store/providers.ts';
import { startPair, untilWaiting } from '../support/invariants.ts';
import { declared, MAIN, PLIVO_KEY } from '../support/service.ts';

const PATIENT = { pinRetry: 5, pinPromptPlayUrl: 'https://example.com/pin.mp3' };
const PARTIES = { firstParty: '+12025550001', secondParty: '+12025550002' };

test('right and wrong PINs of one call, keyed in the same moment, do not wait for each other in a circle', async () => {
  const pair = await startPair(declared({ us: 1, tr: 0 }));
  const { deps } = pair.instances[0];
  const session = await createSession(
    deps,
    { accountId: MAIN.id, subaccountId: null },
    {
      ...{ ...PARTIES, callbackUrl: 'https://example.com/' },
      ...{ pinRequired: true, firstPin: '2741', secondPin: '9052' },
      settings: PATIENT,
    },
  );
  const connection = await findConnection(deps.db, deps.vault, PLIVO_KEY);
  if (isRefused(session) || connection === null) throw new Error('nothing to call');
  const call = { attestation: 'unknown' as const, caller: '+14155559999' as Phone, callee: session.virtualNumber };
  const keyed = ['2741', '1111', '2741', '3333'];
  for (let round = 0; round < 40; round++) {
    const callId = `call-${round}`;
    // What wrong ones that came first have cost all strangers on the number is not the question here.
    await pair.sql`delete from pin_budgets`;
    await answerCall(deps, connection, { ...call, callId, digits: null, tryNumber: null, direction: 'inbound' });
    // The right one wins in the end, whichever came first; where a lock was not to be had, this throws.
    const decisions = await Promise.all(
      keyed.map((digits, i) =>
        answerCall(pair.instances[i < 2 ? 0 : 1].deps, connection, {
          ...call,
          callId,
          digits,
          tryNumber: 1,
          direction: 'inbound',
        }),
      ),
    );
    expect(decisions.map(({ reason }) => reason)).toContain('pin_accepted');
    expect(decisions[0]?.plan.ending.kind).toBe('dial');
  }
  expect(await pair.settle()).toEqual([]);
});

test('PINs of many strangers on some numbers, keyed in the same moment, do not wait for each other in a circle', async () => {
  const pair = await startPair(declared({ us: 3, tr: 0 }));
  const { deps } = pair.instances[0];
  const connection = await findConnection(deps.db, deps.vault, PLIVO_KEY);
  // The two parties of one hold one number each time, so each number has a session of each of these pairs.
  const made = await Promise.all(
    Array.from({ length: 24 }, (_, i) => {
      const parties = { firstParty: `+1202555${1000 + (i >> 2)}`, secondParty: `+1202555${2000 + (i >> 2)}` };
      const pins = { pinRequired: true, firstPin: String(2_740_191 + i), secondPin: String(9_051_463 + i) };
      return createSession(
        deps,
        { accountId: MAIN.id, subaccountId: null },
        { ...parties, ...pins, settings: PATIENT },
      );
    }),
  );
  const sessions = made.flatMap((session) => (isRefused(session) ? [] : [session]));
  expect(sessions).toHaveLength(18);
  if (connection === null) throw new Error('nothing to call');
  const numbers = [...new Set(sessions.map(({ virtualNumber }) => virtualNumber))];
  for (let round = 0; round < 12; round++) {
    const calls = Array.from({ length: 108 }, (_, i) => {
      const session = sessions[i % sessions.length];
      if (session === undefined) throw new Error('no session');
      const call = { attestation: 'unknown' as const, direction: 'inbound' as const, callId: `${round}-${i}` };
      const question = { ...call, caller: `+1415555${1000 + i}` as Phone, callee: session.virtualNumber };
      const ask = (keyed: { digits: string | null; tryNumber: number | null }) =>
        answerCall(pair.instances[i % 2 === 0 ? 0 : 1].deps, connection, { ...question, ...keyed });
      return { ask, pin: session.firstPin };
    });
    await Promise.all(calls.map(({ ask }) => ask({ digits: null, tryNumber: null })));
    // Somebody has what all strangers share on one of the numbers, so that statements stop between two of them.
    const decisions = await pair.sql.begin(async (holder) => {
      await holder`
        select from pin_budgets where caller_digest = ${deps.vault.anyoneDigest} and virtual_number_id = (
          select id from virtual_numbers where number = ${numbers[round % numbers.length] ?? ''}) for update`;
      const all = Promise.all(calls.map(({ ask, pin }) => ask({ digits: pin, tryNumber: 1 })));
      if (round > 0) await untilWaiting(pair.sql, 2, all);
      return { all };
    });
    expect(new Set((await decisions.all).map(({ reason }) => reason))).toEqual(new Set(['pin_accepted']));
  }
  expect(await pair.settle()).toEqual([]);
});
