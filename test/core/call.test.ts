import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideCall } from '../../src/core/call.ts';
import { REJECTION } from '../../src/core/plan.ts';
import { otherSide } from '../../src/core/session.ts';
import {
  caller,
  connection,
  type Event,
  events,
  FALLBACK,
  factsOf,
  NUMBER,
  type Round,
  tellCall,
  UNASKED,
  world,
} from './random-call.ts';

/** Checks every round of random calls. */
function always(check: (round: Round, rounds: readonly Round[], index: number) => void, numRuns = 2000): void {
  fc.assert(
    fc.property(world, caller, events, (sessions, from, happened) => {
      const rounds = tellCall(sessions, from, happened);
      for (const [index, round] of rounds.entries()) check(round, rounds, index);
    }),
    { numRuns },
  );
}

const isFallback = ({ decision }: Round) => decision.reason === 'pin_failed';
/** The party that the caller was taken to be, by the step or by an earlier one. */
function partyOf({ facts, decision }: Round) {
  const party = decision.step?.party;
  if (!party) return facts.booked;
  const candidates = [facts.known, facts.named, facts.open];
  return candidates.find((one) => one?.session.id === party.sessionId && one.side === party.side) ?? null;
}
const dialOf = ({ decision }: Round) => (decision.plan.ending.kind === 'dial' ? decision.plan.ending : null);

describe('a dial', () => {
  it('always shows the virtual number as caller ID', () => {
    always((round) => expect(dialOf(round)?.callerId ?? NUMBER).toBe(NUMBER));
  });

  it('never goes to the caller', () => {
    always((round) => {
      const dial = dialOf(round);
      if (dial) expect(dial.callee).not.toBe(round.facts.caller);
    });
  });

  it('goes to the other party of the session that is booked, to its last caller, or to the fallback', () => {
    always((round) => {
      const dial = dialOf(round);
      if (dial === null) return;
      if (isFallback(round)) return expect(dial.callee).toBe(FALLBACK);
      const taken = partyOf(round);
      if (!taken) throw new Error('a dial into no session');
      const { session, side } = taken;
      expect(dial.callee).toBe(session.parties[otherSide(side)] ?? session.lastCaller);
      if (session.parties[otherSide(side)] === null) expect(session.singleParty).toBe(true);
    });
  });

  it('plays its own URL to each side, the success prompt before it, and records as the session says', () => {
    always((round) => {
      const dial = dialOf(round);
      const { step, plan } = round.decision;
      if (dial === null || !step?.party) return;
      const taken = partyOf(round);
      if (!taken) throw new Error('a dial into no session');
      const { session, side } = taken;
      const success = step.authenticated ? round.facts.connection.successPlayUrl : '';
      const urls = [success, session.playUrls[side]].filter((url) => url !== '');
      expect(plan.prompts).toEqual(urls.map((url) => ({ kind: 'play', url })));
      expect(dial.calleePlay !== null).toBe(session.playUrls[otherSide(side)] !== '');
      expect(dial).toMatchObject({ ringTimeoutSeconds: 45, timeLimitSeconds: 600, recordFormat: session.recordFormat });
    });
  });

  it('without PIN never comes of an unknown caller where a PIN lives on the number', () => {
    always((round) => {
      if (dialOf(round) === null || isFallback(round)) return;
      const { known, asker, call } = round.facts;
      if (known === null && asker !== null && call === null) expect(round.decision.step?.authenticated).toBe(true);
    });
  });

  it('without PIN never comes of a call that was asked for one, whatever ends meanwhile', () => {
    always((round) => {
      if (dialOf(round) === null || isFallback(round) || round.facts.call?.outcome !== 'asked') return;
      expect(round.decision.step?.authenticated).toBe(true);
    });
  });

  it('never comes of a session that has ended, not even when asked again', () => {
    always((round) => {
      if (round.facts.call?.outcome !== 'connected') return;
      const { kind } = round.decision.plan.ending;
      expect(kind).toBe(round.facts.booked === null ? 'hangup' : 'dial');
    });
  });
});

describe('a plan', () => {
  it('is some prompts and one ending; a gather can be answered and knows its number', () => {
    always(({ facts, decision }) => {
      const { prompts, ending } = decision.plan;
      for (const prompt of prompts) expect(['play', 'wait']).toContain(prompt.kind);
      expect(['gather', 'dial', 'extension', 'hangup']).toContain(ending.kind);
      if (ending.kind !== 'gather') return;
      const { policy, tries } = decision.step ?? facts.call ?? { policy: null, tries: [] };
      expect(ending.tryNumber).toBe(tries.length + 1);
      expect(tries.length).toBeLessThanOrEqual(policy?.retry ?? -1);
      expect(ending.minDigits).toBeLessThanOrEqual(ending.maxDigits);
    });
  });

  it('rejects a call only while it is unanswered: never after a prompt or a question', () => {
    always(({ decision }, rounds, index) => {
      const { ending, prompts } = decision.plan;
      if (ending.kind !== 'hangup' || !ending.rejected) return;
      expect(prompts).toEqual([]);
      expect(rounds.slice(0, index).map((round) => round.decision.plan.ending.kind)).not.toContain('gather');
    });
  });

  it('ends the questions of a call after pin_retry + 1 tries, whatever is keyed', () => {
    fc.assert(
      fc.property(
        world,
        caller,
        fc.array(fc.constantFrom('9999', '8888', '7777', ''), { minLength: 8 }),
        (w, from, keys) => {
          const rounds = tellCall(
            w,
            from,
            keys.map((press) => ({ press })),
          );
          const asked = rounds[0]?.decision.step;
          if (asked?.outcome !== 'asked') return;
          const last = rounds.at(-1)?.decision;
          expect(last?.reason).toBe('pin_failed');
          expect(last?.plan.ending.kind).not.toBe('gather');
          const steps = rounds.flatMap(({ decision }) => decision.step ?? []);
          expect(steps).toHaveLength((asked.policy?.retry ?? 0) + 2);
          expect(steps.at(-1)?.tries).toHaveLength((asked.policy?.retry ?? 0) + 1);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('refuses a call to a number that is not ours', () => {
    fc.assert(
      fc.property(world, caller, connection, (w, from, brought) => {
        const facts = factsOf({ ...w, connection: brought }, from, { call: null, booked: null }, null);
        const question = UNASKED;
        const decision = decideCall({ ...facts, virtualNumber: null }, question);
        expect(decision).toEqual({ plan: REJECTION, reason: 'unknown_number', step: null });
      }),
    );
  });
});

describe('a question asked again', () => {
  it('has the same plan and no step', () => {
    fc.assert(
      fc.property(world, caller, events, (w, from, happened) => {
        const again: Event = { again: true };
        const twice = happened.flatMap((event): Event[] => ('end' in event ? [] : [event, again]));
        const rounds = tellCall(w, from, [again, ...twice]);
        for (const [i, now] of rounds.entries()) {
          const before = rounds[i - 1];
          if (before?.question !== now.question) continue;
          expect(now.decision.plan).toEqual(before.decision.plan);
          expect(now.decision.step).toBeNull();
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('late, after newer ones were answered, changes nothing either', () => {
    always(({ facts, decision }, rounds, index) => {
      if (decision.step !== null) return;
      for (const old of rounds.slice(0, index)) {
        expect(decideCall({ ...facts, named: old.facts.named }, old.question).step).toBeNull();
      }
    });
  });
});
