import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Phone } from '../../src/core/phone.ts';
import type { DialEnding } from '../../src/core/plan.ts';
import { dialectNamed, dialects } from '../../src/dialects/registry.ts';

describe('dialectNamed', () => {
  it('knows every dialect by its own name and nothing else', () => {
    for (const [name, dialect] of Object.entries(dialects)) {
      expect(dialect.name).toBe(name);
      expect(dialectNamed(name)).toBe(dialect);
    }
    for (const name of ['', 'Plivo', 'constructor', '__proto__', 'toString']) expect(dialectNamed(name)).toBeNull();
  });
});

describe('every dialect', () => {
  const phone = fc.stringMatching(/^\+[1-9][0-9]{9,14}$/).map((digits) => digits as Phone);
  const dial = fc.record({
    kind: fc.constant('dial' as const),
    callee: phone,
    callerId: phone,
    ringTimeoutSeconds: fc.integer({ min: 1, max: 120 }),
    timeLimitSeconds: fc.integer({ min: 1, max: 86_400 }),
    recordFormat: fc.constantFrom(null, 'mp3' as const, 'wav' as const),
    calleePlay: fc.constantFrom(null, { sessionId: 's1', side: 'first' as const }),
  });

  /** The document of a plan, and the number that the dialect read as the caller's. */
  function documentFor(name: keyof typeof dialects, caller: Phone, ending: DialEnding): string {
    const body =
      name === 'plivo'
        ? { CallUUID: 'c1', From: caller.slice(1), To: ending.callerId.slice(1) }
        : { caller, callee: ending.callerId, data: {} };
    const read = dialects[name].parse(
      { method: 'POST', url: 'https://h.example/a', headers: {}, query: {}, body },
      null,
    );
    expect(read).toMatchObject({ caller });
    return dialects[name].render({ prompts: [], ending }, { answerUrl: 'https://h.example/a' });
  }

  it('never writes the caller’s number into a dial, not even when asked again and again', () => {
    fc.assert(
      fc.property(fc.constantFrom('plivo' as const, 'hipcall' as const), phone, dial, (name, caller, ending) => {
        fc.pre(![ending.callee, ending.callerId].some((other) => other.includes(caller.slice(1))));
        expect(documentFor(name, caller, ending)).not.toContain(caller.slice(1));
      }),
      { numRuns: 1_000 },
    );
  });

  it('puts the virtual number and a time limit on every Plivo dial, and only the callee in a Hipcall one', () => {
    fc.assert(
      fc.property(dial, (ending) => {
        const plivo = dialects.plivo.render({ prompts: [], ending }, { answerUrl: 'https://h.example/a' });
        expect(plivo.match(/<Dial /g)).toHaveLength(1);
        expect(plivo).toContain(`<Dial callerId="${ending.callerId.slice(1)}" `);
        expect(plivo).toContain(` timeLimit="${ending.timeLimitSeconds}"`);
        expect(plivo).toContain(`<Number>${ending.callee.slice(1)}</Number>`);
        const hipcall = JSON.parse(dialects.hipcall.render({ prompts: [], ending }, { answerUrl: '' }));
        expect(hipcall.seq).toEqual([{ action: 'dial', args: { destination: ending.callee.slice(1) } }]);
      }),
    );
  });
});
