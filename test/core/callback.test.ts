import { describe, expect, it } from 'vitest';
import type { Callback, CallbackDetails, CallbackEvent } from '../../src/core/callback.ts';
import { CALLBACK_ATTRIBUTES, callbackParams } from '../../src/core/callback-params.ts';
import type { Phone } from '../../src/core/phone.ts';

const PUBLIC_URL = 'https://bauta.example';

const callback: Callback = {
  id: 'c0ffee00-0000-4000-8000-000000000001',
  event: 'SessionPinAuthenticationStatus',
  accountId: 'MAAAAAAAAAAAAAAAAAAA',
  sessionId: '2d265b0a-32a1-4450-a36c-f5e09144598e',
  virtualNumber: '+14155550100' as Phone,
  caller: '+12025551111' as Phone,
  callee: '+12025552222' as Phone,
  sequence: 5,
  occurredAt: new Date('2024-05-29T04:47:49.987Z'),
  details: { pinStatus: 'failed', pinRetryCounter: 2 },
  url: 'https://app.example/cb',
  method: 'POST',
};

const call: CallbackDetails = {
  callerSide: 'second',
  hasCaller: true,
  hasCallee: true,
  a: { seconds: 48, billedSeconds: 60, cost: '0.01000', hangupCode: 4000 },
  b: { seconds: 31, billedSeconds: 40, cost: '0.00500', hangupCode: 3000 },
  total: { billedSeconds: 100, cost: '0.01500' },
};

const recording = {
  recordingId: 'rec 1',
  url: 'https://media.example/1.mp3',
  format: 'mp3',
  durationMs: 30_600,
  startedAt: Date.UTC(2024, 4, 29, 4, 47, 19),
  endedAt: Date.UTC(2024, 4, 29, 4, 47, 49),
};

const told = (event: CallbackEvent, details: CallbackDetails = call, more: Partial<Callback> = {}) =>
  Object.fromEntries(callbackParams({ ...callback, ...more, event, details }, PUBLIC_URL));

const OF_EACH = {
  EventTimestamp: '2024-05-29 04:47:49',
  SessionUUID: '2d265b0a-32a1-4450-a36c-f5e09144598e',
  VirtualNumber: '14155550100',
  SequenceNumber: '5',
};
const WHO = { From: '12025551111', To: '12025552222' };

describe('the attributes of a callback', () => {
  it('are Plivo’s, in a fixed order, with numbers without + and the time in UTC', () => {
    expect(callbackParams(callback, PUBLIC_URL)).toEqual([
      ['EventName', 'SessionPinAuthenticationStatus'],
      ['EventTimestamp', '2024-05-29 04:47:49'],
      ['SessionUUID', '2d265b0a-32a1-4450-a36c-f5e09144598e'],
      ['VirtualNumber', '14155550100'],
      ['SequenceNumber', '5'],
      ['From', '12025551111'],
      ['PinAuthenticationStatus', 'failed'],
      ['PinRetryCounter', '2'],
    ]);
  });

  it('say a counter of no wrong try as 0, which is not the same as none', () => {
    const details = { pinStatus: 'AuthorizedCaller', pinRetryCounter: 0 };
    expect(callbackParams({ ...callback, details }, PUBLIC_URL)).toContainEqual(['PinRetryCounter', '0']);
  });

  it('are the same at every attempt, and name neither the id nor the address', () => {
    const other = { ...callback, id: 'other', url: '', method: 'GET' } as const;
    expect(callbackParams(other, PUBLIC_URL)).toEqual(callbackParams(callback, PUBLIC_URL));
  });

  it('leave out what is not known: a withheld phone, a phone learned only later, a leg that nothing was reported of', () => {
    expect(told('SessionTimeout', {})).toEqual({ EventName: 'SessionTimeout', ...OF_EACH });
    expect(told('SessionFirstPartyAnswer', call, { caller: null })).not.toHaveProperty('From');
    expect(told('SessionFirstPartyAnswer', { ...call, hasCaller: false, hasCallee: false })).not.toHaveProperty('From');
    expect(told('SessionFirstPartyAnswer', { ...call, hasCallee: false })).not.toHaveProperty('To');
    expect(told('SessionFirstPartyHangup', { ...call, b: {} })).toEqual({
      ...{ EventName: 'SessionFirstPartyHangup', ...OF_EACH, ...WHO },
    });
  });
});

describe('the attributes of each event', () => {
  it.each([
    'SessionFirstPartyAnswer',
    'SessionSecondPartyRing',
    'SessionSecondPartyAnswer',
    'SessionRecordingFailed',
  ] as const)('%s names who called and who was dialled', (event) => {
    expect(told(event)).toEqual({ EventName: event, ...OF_EACH, ...WHO });
  });

  const LEG_A = { Duration: '48', BilledDuration: '60', Amount: '0.01000', PlivoHangupCauseCode: '4000' };
  const LEG_B = { Duration: '31', BilledDuration: '40', Amount: '0.00500', PlivoHangupCauseCode: '3000' };
  it.each([
    ['first', 'SessionFirstPartyHangup', LEG_A],
    ['first', 'SessionSecondPartyHangup', LEG_B],
    ['second', 'SessionFirstPartyHangup', LEG_B],
    ['second', 'SessionSecondPartyHangup', LEG_A],
  ] as const)('when the %s party called, %s has the figures of that party’s leg', (callerSide, event, leg) => {
    const { PlivoHangupCause, ...rest } = told(event, { ...call, callerSide });
    expect(rest).toEqual({ EventName: event, ...OF_EACH, ...WHO, ...leg });
    expect(PlivoHangupCause).toMatch(/\w/);
  });

  it('SessionPartiesHangup has how long they talked, both legs’ sums, and why leg A ended', () => {
    const sums = { BilledDuration: '100', Amount: '0.01500', PlivoHangupCauseCode: '4000' };
    expect(told('SessionPartiesHangup')).toMatchObject({ ...WHO, Duration: '31', ...sums });
    expect(told('SessionPartiesHangup', { ...call, b: {} })).toMatchObject({ Duration: '0' });
  });

  const BEGUN = {
    RecordingUUID: 'rec 1',
    RecordingResourceURL: 'https://bauta.example/v1/Account/MAAAAAAAAAAAAAAAAAAA/Recording/rec%201/',
    RecordingFormat: '.mp3',
    RecordingStartTime: '2024-05-29 04:47:19',
  };
  it('a recording that has begun has its name, and one that is complete where it is and how long', () => {
    const event = 'SessionRecordingInitiated';
    expect(told(event, { ...call, recording })).toEqual({ EventName: event, ...OF_EACH, ...WHO, ...BEGUN });
    expect(told('SessionRecordingCompleted', { ...call, recording })).toMatchObject({
      ...BEGUN,
      RecordingURL: 'https://media.example/1.mp3',
      RecordingDuration: '31',
      RecordingEndTime: '2024-05-29 04:47:49',
    });
  });

  it('are those of the table, and all of them where everything is known', () => {
    for (const [event, names] of Object.entries(CALLBACK_ATTRIBUTES)) {
      const details = { ...call, ...callback.details, recording };
      expect(Object.keys(told(event as CallbackEvent, details))).toEqual([...names]);
    }
  });
});
