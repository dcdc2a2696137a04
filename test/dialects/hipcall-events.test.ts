import { describe, expect, it } from 'vitest';
import { hipcall } from '../../src/dialects/hipcall.ts';

const CALL = {
  ...{
    uuid: '2483a75a',
    direction: 'inbound',
    caller_number: '+905320000001',
    caller_type: 'contact',
    caller_id: 1121,
  },
  ...{ callee_number: '902125550100', callee_type: 'external_manager', callee_id: null, user_id: null },
  ...{ started_at: '2024-11-17T10:41:00Z', answered_at: '2024-11-17T10:41:01Z', bridged_at: '2024-11-17T10:41:05Z' },
  ...{ ended_at: '2024-11-17T10:41:36Z', call_duration: 35, missing_call: false, missing_call_reason: null },
  ...{ hangup_by: 'contact', record_url: null, call_flow: [] },
};
const request = (body: unknown, headers: Record<string, string> = {}) =>
  ({ method: 'POST', url: 'https://h.example/answer/key/events/', headers, query: {}, body }) as const;
const read = (event: string, data: object) => hipcall.parseReport('events', request({ event, data }), 'TR');

describe('Hipcall’s events', () => {
  it('tell of both legs of a call that has ended, under either name', () => {
    const report = read('call_hangup', CALL);
    expect(read('call::hangup', CALL)).toEqual(report);
    expect(report).toEqual({
      ...{ callId: '2483a75a', direction: 'inbound', caller: '+905320000001', virtualNumber: '+902125550100' },
      legA: {
        startedAt: new Date('2024-11-17T10:41:00Z'),
        answeredAt: new Date('2024-11-17T10:41:01Z'),
        endedAt: new Date('2024-11-17T10:41:36Z'),
        ...{ hangupCode: 4000, hangupSource: 'Caller', seconds: 35 },
      },
      legB: {
        legId: '2483a75a-b',
        answeredAt: new Date('2024-11-17T10:41:05Z'),
        endedAt: new Date('2024-11-17T10:41:36Z'),
        ...{ hangupCode: 4000, hangupSource: 'Caller', seconds: 31 },
      },
      recording: null,
    });
  });

  it('tell of a callee who did not answer, of a recording, and of a call that begins', () => {
    const missed = read('call_hangup', {
      ...CALL,
      bridged_at: null,
      missing_call: true,
      missing_call_reason: 'abandoned',
    });
    expect(missed).toMatchObject({ legB: { legId: '2483a75a-b', hangupCode: 3000 } });
    const record_url = 'https://files.example/2483a75a.mp3?signature=1';
    expect(read('call_hangup', { ...CALL, record_url })).toMatchObject({
      recording: { recordingId: '2483a75a', isComplete: true, url: record_url, format: 'mp3' },
    });
    expect(read('call_init', { ...CALL, ended_at: null, started_at: 1_731_840_060 })).toMatchObject({
      ...{ legA: { ringingAt: new Date('2024-11-17T10:41:00Z') }, legB: {}, recording: null },
    });
  });

  it('tell of a caller who was answered where only the bridge has a time, and take seconds as text', () => {
    expect(read('call_hangup', { ...CALL, answered_at: null, call_duration: 0 })).toMatchObject({
      legA: { answeredAt: new Date('2024-11-17T10:41:05Z'), seconds: 31 },
    });
    expect(read('call_hangup', { ...CALL, started_at: '1731840060' })).toEqual(read('call_hangup', CALL));
  });

  it('are not lost for a word that is new, or for a long address', () => {
    const record_url = `https://files.example/1.mp3?signature=${'x'.repeat(3_000)}`;
    const news = { ...CALL, hangup_by: 'AI agent 2', missing_call_reason: 'Über-24h', record_url };
    expect(read('call_hangup', news)).toMatchObject({
      legA: { hangupSource: 'Unknown' },
      recording: { url: record_url },
    });
  });

  it('of another kind are ignored', () => {
    expect(read('contact_created', {})).toBeNull();
    expect(hipcall.parseReport('hangup', request({}), 'TR')).toBeNull();
  });

  it.each([
    [{ event: 1, data: CALL }, 'event'],
    [{ event: 'call_hangup', data: [] }, 'data'],
    [{ event: 'call_hangup', data: { ...CALL, uuid: undefined } }, 'data.uuid'],
    [{ event: 'call_hangup', data: { ...CALL, uuid: 'a b' } }, 'data.uuid'],
    [{ event: 'call_hangup', data: { ...CALL, ended_at: 'soon' } }, 'data.ended_at'],
    [{ event: 'call_hangup', data: { ...CALL, ended_at: { toString: 1 } } }, 'data.ended_at'],
    [{ event: 'call_hangup', data: { ...CALL, ended_at: '2024-02-31T10:41:00Z' } }, 'data.ended_at'],
    [{ event: 'call_hangup', data: { ...CALL, ended_at: '2024-11-17T10:41:00' } }, 'data.ended_at'],
    [{ event: 'call_hangup', data: { ...CALL, call_duration: 90_000 } }, 'data.call_duration'],
    ['text', 'body'],
  ])('as %j are refused by name', (body, field) => {
    expect(hipcall.parseReport('events', request(body), 'TR')).toEqual({
      malformed: { field, rule: expect.any(String) },
    });
  });

  it('need no credentials beside their address, but none that are wrong', () => {
    const credentials = { username: 'hip', password: 'call' };
    const basic = (text: string) => ({ authorization: `Basic ${btoa(text)}` });
    expect(hipcall.authenticateReport(request({}), credentials)).toBe(true);
    expect(hipcall.authenticateReport(request({}, basic('hip:call')), credentials)).toBe(true);
    expect(hipcall.authenticateReport(request({}, basic('hip:cal')), credentials)).toBe(false);
    expect(hipcall.authenticate(request({}), credentials)).toBe(false);
  });
});
