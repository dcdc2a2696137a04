import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideCall } from '../../src/core/call.ts';
import type { CallFacts, CallProgress, PartyOnCall } from '../../src/core/call-facts.ts';
import type { Phone } from '../../src/core/phone.ts';
import type { Side } from '../../src/core/session.ts';
import { caller, factsOf, tellCall, world } from './random-call.ts';

/** Two who never call. */
const SOMEBODY = '+12025559001' as Phone;
const SOMEBODY_ELSE = '+12025559002' as Phone;
const side = fc.constantFrom<Side>('first', 'second');
const question = { attestation: 'unknown', hasKeyed: true, digits: 'digest of 1357', tryNumber: null } as const;

/** A call of anybody that may wait for a PIN, with some wrong tries behind it; see `waiting`. */
const asked = fc.record({
  world,
  caller,
  tries: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 5 }),
});

/** Its facts and its questions; a call that is not asked for a PIN, or no more, is left out. */
function waiting({ world: sessions, caller: from, tries }: typeof asked extends fc.Arbitrary<infer T> ? T : never) {
  const policy = tellCall(sessions, from, [])[0]?.decision.step?.policy ?? null;
  fc.pre(policy !== null && tries.length <= policy.retry);
  if (policy === null) throw new Error('left out before');
  const call: CallProgress = { outcome: 'asked', tries, policy };
  return { facts: factsOf(sessions, from, { call, booked: null }, null), policy };
}

/** The facts with a PIN that leads to `callee`, or to nobody. */
function naming(facts: CallFacts, named: Side, callee: Phone | null, lastCaller: Phone | null = null): CallFacts {
  const session = facts.asker ?? facts.known?.session;
  if (!session) throw new Error('nobody asked');
  const other = SOMEBODY_ELSE;
  const parties = named === 'first' ? { first: other, second: callee } : { first: callee, second: other };
  const party: PartyOnCall = {
    side: named,
    session: { ...session, parties, singleParty: callee === null, lastCaller },
  };
  return { ...facts, named: party };
}

describe('a PIN that does not lead to anybody else', () => {
  it('is answered and booked alike, be it wrong, dead, or that of one’s own callee', () => {
    fc.assert(
      fc.property(asked, side, (one, named) => {
        const { facts } = waiting(one);
        const wrong = decideCall({ ...facts, named: null }, question);
        if (facts.caller !== null) {
          expect(decideCall(naming(facts, named, facts.caller), question)).toEqual(wrong);
          expect(decideCall(naming(facts, named, null, facts.caller), question)).toEqual(wrong);
        }
        expect(decideCall(naming(facts, named, null), question), 'nobody to call back yet').toEqual(wrong);
        expect(wrong.step?.outcome).not.toBe('connected');
      }),
      { numRuns: 500 },
    );
  });

  it('is answered alike whether the session that asked lives or has ended', () => {
    fc.assert(
      fc.property(asked, (one) => {
        const { facts } = waiting(one);
        const lives = decideCall({ ...facts, named: null }, question);
        const ended = decideCall({ ...facts, named: null, known: null, asker: null, pinLengths: null }, question);
        // Only whose budget it counts upon differs, since nobody is known in a session that has ended.
        const told = ({ plan, reason, step }: typeof lives) => ({ plan, reason, step: { ...step, guess: null } });
        expect(told(ended)).toEqual(told(lives));
      }),
      { numRuns: 500 },
    );
  });

  it('is told to the session that asked, as failed, with the number of wrong tries so far', () => {
    fc.assert(
      fc.property(asked, (one) => {
        const { facts, policy } = waiting(one);
        const wrongTries = (facts.call?.tries.length ?? 0) + 1;
        const { step } = decideCall({ ...facts, named: null }, question);
        expect(step?.pinEvent).toEqual({ sessionId: policy.sessionId, status: 'failed', retryCounter: wrongTries });
      }),
      { numRuns: 500 },
    );
  });
});

describe('a right PIN', () => {
  it('connects as the side that it names, and tells that session of success and of the wrong tries before', () => {
    fc.assert(
      fc.property(asked, side, (one, named) => {
        const { facts } = waiting(one);
        const callee = SOMEBODY;
        const { plan, step } = decideCall(naming(facts, named, callee), question);
        expect(plan.ending).toMatchObject({ kind: 'dial', callee });
        expect(step).toMatchObject({ outcome: 'connected', authenticated: true, party: { side: named } });
        const retryCounter = facts.call?.tries.length ?? -1;
        expect(step?.pinEvent).toMatchObject({ status: 'success', retryCounter });
      }),
      { numRuns: 500 },
    );
  });

  it('keyed after the last try is answered as every other PIN is: not at all', () => {
    fc.assert(
      fc.property(asked, side, (one, named) => {
        const { facts, policy } = waiting(one);
        const call: CallProgress = { outcome: 'pin_failed', tries: ['a', 'b'], policy };
        const wrong = decideCall({ ...facts, call, named: null }, question);
        expect(decideCall({ ...naming(facts, named, SOMEBODY), call }, question)).toEqual(wrong);
        expect(wrong).toMatchObject({ reason: 'pin_failed', step: null });
      }),
      { numRuns: 500 },
    );
  });
});

describe('a try', () => {
  it('of silence counts like one of digits, as often as it is met', () => {
    fc.assert(
      fc.property(world, caller, (sessions, from) => {
        const silent = tellCall(
          sessions,
          from,
          Array.from({ length: 8 }, () => ({ press: '' })),
        );
        const wrong = tellCall(
          sessions,
          from,
          Array.from({ length: 8 }, () => ({ press: '9999' })),
        );
        expect(silent.map(({ decision }) => decision.plan)).toEqual(wrong.map(({ decision }) => decision.plan));
      }),
      { numRuns: 500 },
    );
  });

  it('is counted again when a person keys the same wrong PIN again, and not when the provider repeats it', () => {
    fc.assert(
      fc.property(asked, (one) => {
        const { facts, policy } = waiting(one);
        const tries = ['a', 'digest of 1357'];
        const call: CallProgress = { outcome: 'asked', tries, policy: { ...policy, retry: 5 } };
        const at = (tryNumber: number | null) =>
          decideCall({ ...facts, named: null, call }, { ...question, tryNumber }).step?.tries.length ?? null;
        expect([at(3), at(2), at(1), at(null)]).toEqual([3, null, null, null]);
      }),
      { numRuns: 200 },
    );
  });
});

describe('the memory of the last caller', () => {
  it('is only of a stranger who reached a single-party session with a number of their own', () => {
    fc.assert(
      fc.property(world, caller, fc.constantFrom('0135', '0246', '1135', '1246', '2135', '2246'), (w, from, press) => {
        for (const { facts, decision } of tellCall(w, from, [{ press }])) {
          const { step } = decision;
          if (!step?.remembersCaller) continue;
          const taken = [facts.named, facts.open].find((p) => p?.session.id === step.party?.sessionId);
          expect(facts.known?.session.id).not.toBe(step.party?.sessionId);
          expect(step.outcome).toBe('connected');
          expect(facts.caller).not.toBeNull();
          expect(taken?.session.singleParty).toBe(true);
          expect(step.party && taken?.session.parties[step.party.side]).toBeNull();
        }
      }),
      { numRuns: 2000 },
    );
  });
});
