import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Phone } from '../../src/core/phone.ts';
import { explain, REASONS } from '../../src/core/reasons.ts';

const CALLER = '+12025550034' as Phone;
const sessionId = '3f0d7d6e-1111-4222-8333-444455556666';

describe('a reason in plain words', () => {
  it('says who called, as whom, and where the call went', () => {
    expect(explain('known_caller', { caller: CALLER, sessionId, side: 'first' })).toBe(
      `+1…34 is the first party of session ${sessionId}; connected to the second party; caller ID is the virtual number.`,
    );
    expect(explain('pin_accepted', { caller: null, sessionId, side: 'second' })).toBe(
      `A caller without a number keyed the PIN of the second party of session ${sessionId}; connected to the first party; caller ID is the virtual number.`,
    );
    expect(explain('session_hour', { caller: CALLER, sessionId: null, side: null })).toBe(
      'The session has had as many calls within an hour as the policy allows; refused.',
    );
  });

  it.each(REASONS)('is one whole sentence of its own for %s, with whatever is known', (reason) => {
    const phone = fc.stringMatching(/^\+1[2-9]\d{9}$/);
    fc.assert(
      fc.property(fc.option(phone), fc.boolean(), fc.constantFrom('first', 'second', null), (caller, isKnown, side) => {
        const told = explain(reason, {
          caller: caller as Phone | null,
          sessionId: isKnown ? sessionId : null,
          side,
        });
        expect(told).toMatch(/^[A-Z+][^.]{20,}\.$/);
        expect(told).not.toMatch(/null|undefined/);
        if (caller !== null) expect(told).not.toContain(caller.slice(-7));
      }),
    );
    const others = REASONS.filter((other) => other !== reason);
    const plain = { caller: CALLER, sessionId, side: 'first' } as const;
    expect(others.map((other) => explain(other, plain))).not.toContain(explain(reason, plain));
  });

  it('is the code itself where another version decided', () => {
    expect(explain('constructor', { caller: CALLER, sessionId, side: 'first' })).toBe('constructor.');
  });
});
