import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { durationOf, type Interaction, type Leg, legOf, legStatus, spanOf } from '../../src/core/interaction.ts';

const at = (second: number) => new Date(Date.UTC(2026, 2, 1, 10, 0, second));
const NOTHING: Leg = {
  ...{ id: null, startedAt: null, answeredAt: null, endedAt: null, hangupCode: null },
  ...{ seconds: 0, billedSeconds: 0, cost: '0' },
};
const leg = (facts: Partial<Leg>): Leg => ({ ...NOTHING, id: 'leg', ...facts });
const call = (facts: Partial<Interaction>): Interaction => ({
  ...{ direction: 'inbound', callerSide: 'first', startedAt: at(0), legA: leg({}), legB: NOTHING, isOver: false },
  ...{ sweptAt: null, legs: 1, billedSeconds: 0, cost: '0', recordingId: null },
  ...facts,
});

describe('a leg', () => {
  it.each<[Partial<Leg>, boolean, string]>([
    [{ id: null }, false, 'not-started'],
    [{ id: null }, true, 'not-started'],
    [{}, false, 'ringing'],
    [{ answeredAt: at(1) }, false, 'in-progress'],
    [{ answeredAt: at(1), endedAt: at(2) }, false, 'completed'],
    [{ answeredAt: at(1), hangupCode: 5010 }, true, 'completed'],
    [{ id: null, hangupCode: 3010 }, true, 'busy'],
    [{ hangupCode: 3000 }, true, 'no-answer'],
    [{ hangupCode: 6010, endedAt: at(2) }, false, 'no-answer'],
    [{}, true, 'no-answer'],
    [{ hangupCode: 1000 }, true, 'canceled'],
    [{ id: null, hangupCode: 5020 }, true, 'failed'],
  ])('of which is known %j (call over: %s) is %s', (facts, isOver, status) => {
    expect(legStatus(leg(facts), isOver)).toBe(status);
  });

  it('belongs to the side that is on it, whoever calls', () => {
    const [legA, legB] = [leg({ id: 'a' }), leg({ id: 'b' })];
    expect(legOf(call({ legA, legB }), 'first').id).toBe('a');
    expect(legOf(call({ legA, legB, callerSide: 'second' }), 'first').id).toBe('b');
  });
});

describe('an interaction', () => {
  it('ends when it began where it was not answered or is running, and when it was closed where nobody said', () => {
    const answered = leg({ startedAt: at(1), answeredAt: at(2) });
    expect(spanOf(call({ legA: leg({ startedAt: at(1), endedAt: at(9) }) }))).toEqual({ from: at(1), to: at(1) });
    expect(spanOf(call({ legA: answered }))).toEqual({ from: at(1), to: at(1) });
    expect(spanOf(call({ legA: { ...answered, endedAt: at(9) } }))).toEqual({ from: at(1), to: at(9) });
    expect(spanOf(call({ legA: answered, sweptAt: at(30) }))).toEqual({ from: at(1), to: at(30) });
    expect(spanOf(call({ legA: leg({}) })).from).toEqual(at(0));
  });

  it('lasts as long as both its legs together', () => {
    fc.assert(
      fc.property(fc.nat(86_400), fc.nat(86_400), (a, b) => {
        expect(durationOf(call({ legA: leg({ seconds: a }), legB: leg({ seconds: b }) }))).toBe(a + b);
      }),
    );
  });
});
