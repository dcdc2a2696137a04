import { describe, expect, it } from 'vitest';
import { type Callback, callbackParams } from '../../src/core/callback.ts';
import type { Phone } from '../../src/core/phone.ts';

const callback: Callback = {
  id: 'c0ffee00-0000-4000-8000-000000000001',
  event: 'SessionPinAuthenticationStatus',
  sessionId: '2d265b0a-32a1-4450-a36c-f5e09144598e',
  virtualNumber: '+14155550100' as Phone,
  caller: '+12025551111' as Phone,
  sequence: 5,
  occurredAt: new Date('2024-05-29T04:47:49.987Z'),
  details: { pinStatus: 'failed', pinRetryCounter: 2 },
  url: 'https://app.example/cb',
  method: 'POST',
};

describe('the attributes of a callback', () => {
  it('are Plivo’s, in a fixed order, with numbers without + and the time in UTC', () => {
    expect(callbackParams(callback)).toEqual([
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
    expect(callbackParams({ ...callback, details })).toContainEqual(['PinRetryCounter', '0']);
  });

  it('leave out what the event does not have', () => {
    const names = (event: Callback) => callbackParams(event).map(([name]) => name);
    const timeout = names({ ...callback, event: 'SessionTimeout', caller: null, details: {} });
    expect(timeout).toEqual(['EventName', 'EventTimestamp', 'SessionUUID', 'VirtualNumber', 'SequenceNumber']);
    expect(names({ ...callback, caller: null })).not.toContain('From');
  });

  it('are the same at every attempt, and name neither the id nor the address', () => {
    expect(callbackParams(callback)).toEqual(callbackParams({ ...callback, id: 'other', url: '', method: 'GET' }));
  });
});
