import { expect, test } from 'vitest';
import type { Phone } from '../../src/core/phone.ts';
import { isRefused } from '../../src/core/problem.ts';
import { answerCall } from '../../src/service/calls.ts';
import { createSession } from '../../src/service/create-session.ts';
import { findConnection } from '../../src/store/providers.ts';
import { startPair } from '../support/invariants.ts';
import { declared, MAIN, PLIVO_KEY } from '../support/service.ts';

test('right and wrong PINs of one call, keyed in the same moment, do not wait for each other in a circle', async () => {
  const pair = await startPair(declared({ us: 1, tr: 0 }));
  const { deps } = pair.instances[0];
  const session = await createSession(
    deps,
    { accountId: MAIN.id, subaccountId: null },
    {
      ...{ firstParty: '+12025550001', secondParty: '+12025550002', callbackUrl: 'https://example.com/' },
      ...{ pinRequired: true, firstPin: '2741', secondPin: '9052' },
      settings: { pinRetry: 5, pinPromptPlayUrl: 'https://example.com/pin.mp3' },
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
