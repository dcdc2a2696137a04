import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signPlivoV3 } from '../../src/core/plivo-v3.ts';
import type { WebhookName } from '../../src/dialects/dialect.ts';
import { plivo } from '../../src/dialects/plivo.ts';

const URL_OF = (webhook: WebhookName) => `https://h.example/answer/key/${webhook}/`;
const post = (webhook: WebhookName, params: object, headers: Record<string, string> = {}) =>
  ({ method: 'POST', url: URL_OF(webhook), headers, query: {}, body: params }) as const;
const read = (webhook: WebhookName, params: object) => plivo.parseReport(webhook, post(webhook, params), null);
const malformed = (field: string) => ({ malformed: { field, rule: expect.any(String) } });
const form = (text: string) => Object.fromEntries(new URLSearchParams(text));

// As Plivo sent it from an account in India, with other numbers and ids.
const HANGUP = form(
  'ALegRequestUUID=64d3&ALegUUID=64d3&AnswerTime=2024-09-26+14%3A05%3A18&BillDuration=120&BillRate=0.005&CallStatus=completed' +
    '&CallUUID=64d3&Direction=outbound&Duration=66&EndTime=2024-09-26+14%3A06%3A23&Event=Hangup&From=918035000000' +
    '&HangupCause=NORMAL_CLEARING&HangupCauseCode=4000&HangupCauseName=Normal+Hangup&HangupSource=Callee&ParentAuthID=MAXX' +
    '&RequestUUID=64d3&STIRAttestation=Not+Applicable&STIRVerification=Not+Applicable' +
    '&SessionStart=2024-09-26+08%3A35%3A10.910772&StartTime=2024-09-26+14%3A05%3A08&To=919999999999&TotalCost=0.01000',
);
const RING = form(
  'CallStatus=ringing&CallUUID=38cb&CallerName=&Direction=outbound&Event=Ring&From=%2B918035000000&ParentAuthID=MAXX' +
    '&RequestUUID=38cb&SessionStart=2024-10-25+14%3A13%3A35.846244&To=919999999999',
);
const DIAL_ANSWER = {
  ...{ DialBLegUUID: 'b-1', DialBLegBillRate: '0.01781', DialAction: 'answer', Event: 'DialAnswer' },
  ...{ DialBLegFrom: '+447700900001', DialALegUUID: 'a-1', DialBLegPosition: '1', CallUUID: 'a-1' },
  ...{ DialBLegStatus: 'answer', DialBLegTo: '447700900002' },
};
const DIAL_HANGUP = {
  ...{ ...DIAL_ANSWER, DialAction: 'hangup', Event: 'DialHangup', DialBLegStatus: 'hangup', DialBLegDuration: '31' },
  ...{ DialBLegBillDuration: '60', DialBLegTotalCost: '0.01781', DialBLegHangupCause: 'NORMAL_CLEARING' },
  ...{ DialBLegHangupCauseName: 'Normal Hangup', DialBLegHangupCauseCode: '4000', DialBLegHangupSource: 'Callee' },
};
const RECORDED = {
  ...{ CallUUID: 'a-1', RecordingID: 'r-1', RecordUrl: 'https://media.example/r-1.wav?x=1', RecordingDuration: '31' },
  ...{ RecordingDurationMs: '31250', RecordingStartMs: '1727339110000', RecordingEndMs: '1727339141250' },
};

const STANDARD = {
  ...{ BillRate: '0.005', CallStatus: 'in-progress', CallUUID: 'a-1', CallerName: 'Tom', CountryCode: 'US' },
  ...{ Direction: 'inbound', Event: 'Redirect', From: '14155550111', ParentAuthID: 'MAXX', RouteType: 'D' },
  ...{ SessionStart: '2024-09-26 08:35:10.910772', STIRAttestation: 'Not Applicable', To: '14155550100' },
};
const GENUINE: Readonly<Record<string, Record<string, string>>> = {
  ring: RING,
  hangup: HANGUP,
  'dial-callback': DIAL_HANGUP,
  'dial-action': {
    ...{ ...STANDARD, DialALegUUID: 'a-1', DialBLegUUID: 'b-1f', DialHangupCause: 'NORMAL_CLEARING' },
    ...{ DialRingStatus: 'true', DialStatus: 'completed' },
  },
  'record-action': { ...STANDARD, ...RECORDED, Digits: '' },
  'record-callback': { ...STANDARD, ...RECORDED },
};

type Pair = readonly [name: string, value: string];

/** Every form of the same signed text that comes of moving one border, and of leaving a border out or making one. */
function recut(pairs: readonly Pair[]): Record<string, string>[] {
  return pairs
    .flatMap(([name, value], index) => {
      const text = name + value;
      const [nextName, nextValue] = pairs[index + 1] ?? ['', ''];
      const border = value + nextName;
      return [
        ...[...text].map((_, at) => pairs.toSpliced(index, 1, [text.slice(0, at), text.slice(at)])),
        ...[...border].map((_, at) =>
          pairs.toSpliced(index, 2, [name, border.slice(0, at)], [border.slice(at), nextValue]),
        ),
        ...[...value].map((_, at) => pairs.toSpliced(index, 1, [name, value.slice(0, at)], [value.slice(at), ''])),
        pairs.toSpliced(index, 2, [name, border + nextValue]),
      ];
    })
    .map((cut) => Object.fromEntries(cut));
}

describe('a hangup', () => {
  it('is read with its times, which are in the account’s own zone, as those of UTC', () => {
    expect(read('hangup', HANGUP)).toEqual({
      ...{ callId: '64d3', direction: 'outbound', caller: '+919999999999', virtualNumber: '+918035000000' },
      ...{ legB: {}, recording: null },
      legA: {
        startedAt: new Date('2024-09-26T08:35:08Z'),
        answeredAt: new Date('2024-09-26T08:35:18Z'),
        endedAt: new Date('2024-09-26T08:36:23Z'),
        ...{
          hangupCode: 4000,
          hangupSource: 'Callee',
          seconds: 66,
          billedSeconds: 120,
          rate: '0.005',
          cost: '0.01000',
        },
      },
    });
  });

  it.each([
    ['2024-09-26 01:35:08', '2024-09-26T08:35:08.000Z'],
    ['2024-09-26 08:35:08', '2024-09-26T08:35:08.000Z'],
    ['2024-09-26 14:20:12', '2024-09-26T08:35:12.000Z'],
    ['2024-09-26 22:35:08', '2024-09-26T08:35:08.000Z'],
  ])('that began at %s by the account’s clock began at %s', (StartTime, at) => {
    const report = read('hangup', { ...HANGUP, StartTime });
    expect(report).toMatchObject({ legA: { startedAt: new Date(at) } });
  });

  it('of an account whose zone cannot be told ends when it is heard, and began with its session', () => {
    const { SessionStart: _, ...rest } = HANGUP;
    expect(read('hangup', rest)).toMatchObject({ legA: { endedAt: 'heard', answeredAt: 'heard' } });
    const far = read('hangup', { ...HANGUP, StartTime: '2024-09-28 08:35:08' });
    expect(far).toMatchObject({ legA: { startedAt: new Date('2024-09-26T08:35:10.910Z'), endedAt: 'heard' } });
  });

  it('of a call that was not answered has no answer; its cause is read by name where it has no code', () => {
    const { AnswerTime: _a, HangupCauseCode: _c, ...rest } = HANGUP;
    const report = read('hangup', { ...rest, Duration: '0', HangupCause: 'USER_BUSY', Direction: 'inbound' });
    expect(report).toMatchObject({
      caller: '+918035000000',
      virtualNumber: '+919999999999',
      legA: { hangupCode: 3010 },
    });
    expect(report).not.toHaveProperty('legA.answeredAt');
  });
});

describe('a hangup’s instants', () => {
  it('are told by the clock that was, where clocks were changed during the call', () => {
    const overnight = {
      ...{ ...HANGUP, SessionStart: '2026-10-25 00:58:00.5', StartTime: '2026-10-25 02:58:00' },
      ...{ AnswerTime: '2026-10-25 02:58:10', EndTime: '2026-10-25 02:03:10', Duration: '300' },
    };
    expect(read('hangup', overnight)).toMatchObject({
      legA: { answeredAt: new Date('2026-10-25T00:58:10Z'), endedAt: new Date('2026-10-25T01:03:10Z') },
    });
  });

  it('have an answer that comes before the end, also where only a duration tells of it', () => {
    const { AnswerTime: _, ...rest } = HANGUP;
    expect(read('hangup', rest)).toMatchObject({
      legA: { answeredAt: new Date('2024-09-26T08:35:17Z'), endedAt: new Date('2024-09-26T08:36:23Z') },
    });
  });
});

describe('the other reports', () => {
  it('tell that a call that we placed rings', () => {
    expect(read('ring', RING)).toMatchObject({
      ...{ callId: '38cb', direction: 'outbound', caller: '+919999999999', virtualNumber: '+918035000000' },
      legA: { ringingAt: 'heard', startedAt: new Date('2024-10-25T14:13:35.846Z') },
    });
  });

  it('tell of leg B: answered, and ended with what it cost', () => {
    const answered = { legId: 'b-1', answeredAt: 'heard', rate: '0.01781' };
    expect(read('dial-callback', DIAL_ANSWER)).toMatchObject({ callId: 'a-1', caller: null, legA: {}, legB: answered });
    expect(read('dial-callback', DIAL_HANGUP)).toMatchObject({
      legB: {
        ...{ legId: 'b-1', answeredAt: 'heard', endedAt: 'heard', hangupCode: 4000, hangupSource: 'Callee' },
        ...{ seconds: 31, billedSeconds: 60, rate: '0.01781', cost: '0.01781' },
      },
    });
    expect(read('dial-callback', { ...DIAL_ANSWER, DialAction: 'digits' })).toBeNull();
  });

  it.each([
    [{ DialStatus: 'busy', DialBLegUUID: '' }, { hangupCode: 3010 }],
    [
      { DialStatus: 'no-answer', DialRingStatus: 'true' },
      { hangupCode: 3000, ringingAt: 'heard' },
    ],
    [
      { DialStatus: 'completed', DialBLegUUID: 'b', DialHangupCause: 'NORMAL_CLEARING' },
      { legId: 'b', answeredAt: 'heard', endedAt: 'heard', hangupCode: 4000 },
    ],
    // Less than any cause that leg B's own report has.
    [{ DialStatus: 'failed', DialHangupCause: 'WHO_KNOWS' }, { hangupCode: 0 }],
  ])('tell how a dial went: %j', (params, legB) => {
    expect(read('dial-action', { CallUUID: 'a-1', ...params })).toMatchObject({ legB });
  });

  it('tell of a recording that has begun, and of one that is complete', () => {
    const begun = { ...RECORDED, RecordingDuration: '-1', RecordingDurationMs: '-1', RecordingEndMs: '-1' };
    expect(read('record-action', begun)).toMatchObject({
      recording: { recordingId: 'r-1', isComplete: false, format: 'wav' },
    });
    expect(read('record-callback', RECORDED)).toMatchObject({
      recording: {
        ...{ recordingId: 'r-1', isComplete: true, url: RECORDED.RecordUrl, format: 'wav', durationMs: 31_250 },
        startedAt: new Date(1_727_339_110_000),
        endedAt: new Date(1_727_339_141_250),
      },
    });
  });

  it.each<[WebhookName, object, string]>([
    ['hangup', { CallUUID: undefined }, 'CallUUID'],
    ['hangup', { CallUUID: ['a', 'b'] }, 'CallUUID'],
    ['hangup', { Duration: '86401' }, 'Duration'],
    ['hangup', { Duration: '-1' }, 'Duration'],
    ['hangup', { Duration: ['1', '2'] }, 'Duration'],
    ['hangup', { BillDuration: '1e2' }, 'BillDuration'],
    ['hangup', { TotalCost: '-0.01' }, 'TotalCost'],
    ['hangup', { TotalCost: '1,5' }, 'TotalCost'],
    ['hangup', { EndTime: 'yesterday' }, 'EndTime'],
    ['hangup', { HangupCauseCode: '1.5' }, 'HangupCauseCode'],
    ['dial-callback', { DialBLegUUID: 'a b' }, 'DialBLegUUID'],
    ['dial-callback', { DialBLegTotalCost: '99999999' }, 'DialBLegTotalCost'],
    ['record-callback', { RecordingID: '' }, 'RecordingID'],
    ['record-callback', { RecordUrl: 'javascript:1' }, 'RecordUrl'],
  ])('of %s with %j are refused by its name', (webhook, wrong, field) => {
    const right = { hangup: HANGUP, 'dial-callback': DIAL_HANGUP, 'record-callback': RECORDED } as Record<
      string,
      object
    >;
    expect(read(webhook, { ...right[webhook], ...wrong })).toEqual(malformed(field));
  });
});

it('a report is read with parameters that are still to be invented', () => {
  const more = { ComplianceApplicationId: 'x', DialBLegEndTime: '2024-09-26', Zone: 'EU', 'X-PH-Order': 'Event 7' };
  for (const [webhook, params] of Object.entries(GENUINE)) {
    expect(read(webhook as WebhookName, { ...params, ...more })).toEqual(read(webhook as WebhookName, params));
  }
  const keys = { ...DIAL_ANSWER, Event: 'DialDigitsMatch', DialAction: 'digits', DialDigitsMatch: '1' };
  expect(read('dial-callback', keys)).toBeNull();
});

describe('a signed report', () => {
  it.each(Object.entries(GENUINE))('of %s, cut anew at any place, is refused or means the same', (name, params) => {
    const webhook = name as WebhookName;
    const token = 'plivo-token';
    const signature = signPlivoV3({ method: 'POST', url: URL_OF(webhook), nonce: 'n1', params, token });
    const meaning = read(webhook, params);
    expect(meaning).toHaveProperty('callId');
    let verified = 0;
    for (const body of recut(Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1)))) {
      const headers = { 'x-plivo-signature-v3': signature, 'x-plivo-signature-v3-nonce': 'n1' };
      const request = post(webhook, body, headers);
      if (!plivo.authenticateReport(request, { authToken: token })) continue;
      verified += 1;
      const report = plivo.parseReport(webhook, request, null);
      if (report === null || !('malformed' in report)) expect(report, JSON.stringify(body)).toEqual(meaning);
    }
    expect(verified).toBeGreaterThan(100);
  });

  it('that has one parameter cut into another is refused, though its signature is right', () => {
    const cut = { ...HANGUP, BillDuration: '120BillRate0.005', Duration: '66' } as Record<string, string>;
    delete cut.BillRate;
    expect(read('hangup', cut)).toEqual({ malformed: { field: 'BillRate', rule: expect.any(String) } });
  });

  it('means what Plivo signed, or is refused: however its parameters are moved or changed', () => {
    const token = 'plivo-token';
    const signed = { method: 'POST', url: URL_OF('hangup'), nonce: 'n1', token } as const;
    const signature = signPlivoV3({ ...signed, params: HANGUP });
    const meaning = JSON.stringify(read('hangup', HANGUP));
    const text = Object.keys(HANGUP)
      .sort()
      .map((name) => name + HANGUP[name])
      .join('');
    const accepted = (params: Record<string, string>) => {
      const request = post('hangup', params, { 'x-plivo-signature-v3': signature, 'x-plivo-signature-v3-nonce': 'n1' });
      return plivo.authenticateReport(request, { authToken: token })
        ? plivo.parseReport('hangup', request, null)
        : null;
    };
    expect(JSON.stringify(accepted(HANGUP))).toBe(meaning);
    // Cuts of the signed text into other names and values, and values with a character changed.
    const cuts = fc.uniqueArray(fc.nat(text.length), { minLength: 3, maxLength: 40 }).map((places) => {
      const at = [0, ...places.sort((a, b) => a - b), text.length];
      const pieces = at.slice(1).map((end, i) => text.slice(at[i], end));
      return Object.fromEntries(pieces.flatMap((piece, i) => (i % 2 === 0 ? [[piece, pieces[i + 1] ?? '']] : [])));
    });
    const names = Object.keys(HANGUP);
    const changed = fc
      .record({ name: fc.constantFrom(...names), value: fc.string({ maxLength: 12 }) })
      .map(({ name, value }) => ({ ...HANGUP, [name]: value }));
    const merged = fc.constantFrom(...names).map((name) => {
      const sorted = [...names].sort();
      const before = sorted[sorted.indexOf(name) - 1] ?? sorted[0] ?? '';
      const params: Record<string, string> = { ...HANGUP, [before]: `${HANGUP[before]}${name}${HANGUP[name]}` };
      if (before !== name) delete params[name];
      return params;
    });
    fc.assert(
      fc.property(fc.oneof(cuts, changed, merged), (params) => {
        const report = accepted(params);
        expect(report === null || 'malformed' in report || JSON.stringify(report) === meaning).toBe(true);
      }),
      { numRuns: 10_000 },
    );
  });
});
