import { describe, expect, it } from 'vitest';
import { hangupCause, hangupCodeOf, hangupSourceOf, hangupSourceWord } from '../../src/core/hangup-cause.ts';

describe('the table of hangup causes', () => {
  it.each([
    [4000, 'Normal Hangup', 'NORMAL_CLEARING'],
    [3010, 'Busy Line', 'USER_BUSY'],
    [3000, 'No Answer', 'NO_ANSWER'],
    [1000, 'Canceled', 'ORIGINATOR_CANCEL'],
    [9000, 'Lost Race', 'LOSE_RACE'],
  ])('is read in both directions: %i, %s, %s', (code, name, q850) => {
    expect(hangupCause(code)).toEqual({ code, name, q850 });
    expect([hangupCodeOf(name), hangupCodeOf(q850)]).toEqual([code, code]);
  });

  it('keeps the number of a cause that it does not have, and has none for a name', () => {
    expect(hangupCause(7777)).toEqual({ code: 7777, name: 'Unknown' });
    expect(hangupCodeOf('NO_SUCH_CAUSE')).toBe(0);
  });

  it('knows who ended a leg by each of Plivo’s words', () => {
    expect(['Caller', 'Callee', 'Call recipient', 'Plivo', 'Whoever', 'Bauta'].map(hangupSourceOf)).toEqual([
      ...['Caller', 'Callee', 'Callee', 'Provider', 'Unknown', 'Unknown'],
    ]);
    expect(hangupSourceWord('Provider')).toBe('Plivo');
  });
});
