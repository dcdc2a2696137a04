import { describe, expect, it } from 'vitest';
import { verifyPlivoSignature } from '../../src/dialects/plivo-signature.ts';
import { hipcallProvider } from '../../src/simulator/hipcall-provider.ts';
import { playCall } from '../../src/simulator/phone-call.ts';
import { plivoProvider } from '../../src/simulator/plivo-provider.ts';
import { PLAIN_SCRIPT, type Script } from '../../src/simulator/script.ts';
import type { Played } from '../../src/simulator/timeline.ts';
import type { WireRequest } from '../../src/simulator/wire.ts';

const [CALLER, VIRTUAL] = ['+12025550000', '+14155550100'];
const ANSWER = 'https://b.example/answer/key/';
const response = (inside: string) => `<?xml version="1.0" encoding="UTF-8"?>\n<Response>${inside}</Response>`;
const sequence = (...seq: object[]) => JSON.stringify({ version: '1', seq });

const DIAL = `<Dial callerId="14155550100" timeout="45" timeLimit="14400" action="${ANSWER}dial-action/" callbackUrl="${ANSWER}dial-callback/"><Number>12025551111</Number></Dial>`;
const RECORD = `<Record recordSession="true" startOnDialAnswer="true" redirect="false" callbackUrl="${ANSWER}record-callback/"/>`;
const GATHER = `<GetDigits action="${ANSWER}?try=1" numDigits="4" timeout="10" digitTimeout="5" finishOnKey="#" validDigits="0123456789"><Play>https://b.example/p.mp3</Play></GetDigits><Redirect method="POST">${ANSWER}?try=1&amp;silent=true</Redirect>`;

interface Told {
  readonly played: Played;
  readonly sent: WireRequest[];
  /** Each happening as one line, without exchanges. */
  readonly lines: string[];
}

/** A call whose service answers questions with these documents in turn, and reports with nothing. */
async function call(
  documents: string[],
  script: Partial<Script> = {},
  dialect: 'plivo' | 'hipcall' = 'plivo',
): Promise<Told> {
  const sent: WireRequest[] = [];
  let answered = 0;
  const make = dialect === 'plivo' ? plivoProvider : hipcallProvider;
  const credentials = dialect === 'plivo' ? { authToken: 'secret' } : { username: 'hip', password: 'call' };
  const pretend = { callId: 'c-1', from: CALLER, to: VIRTUAL, answerUrl: ANSWER, credentials };
  const played = await playCall({
    provider: make({ ...pretend, startedAt: new Date('2026-03-01T10:00:00Z') }),
    persons: { caller: CALLER, virtualNumber: VIRTUAL },
    script: { ...PLAIN_SCRIPT, ...script },
    carry: async (request) => {
      sent.push(request);
      const isQuestion = request.webhook === 'answer' || request.webhook === 'callee-play';
      const body = isQuestion
        ? (documents[answered++] ?? documents.at(-1) ?? '')
        : dialect === 'plivo'
          ? response('')
          : '{}';
      return { status: 200, contentType: dialect === 'plivo' ? 'application/xml' : 'application/json', body };
    },
    clock: () => 0,
  });
  const lines = played.happenings.flatMap((one) =>
    one.kind === 'exchange' ? [] : [`${one.at} ${one.who} ${one.kind} ${one.words}`],
  );
  return { played, sent, lines };
}

describe('a pretend phone at Plivo', () => {
  it('rings, talks and hangs up, and its provider reports all of it at its time', async () => {
    const { played, sent, lines } = await call([response(`<Play>https://b.example/hi.mp3</Play>${RECORD}${DIAL}`)]);
    expect(lines).toEqual([
      '0 caller dials +12025550000 dials +14155550100',
      '0 caller hears the sound https://b.example/hi.mp3',
      '5 callee rings 12025551111',
      '5 callee sees 14155550100',
      '11 callee answers the call',
      '11 both talk for 30 s',
      '41 callee ends hangs up',
    ]);
    expect(played).toMatchObject({ end: 'talked', dialled: '12025551111', shown: '14155550100', faults: [] });
    const reports = played.happenings.flatMap((one) =>
      one.kind === 'exchange' ? [[one.at, one.exchanged.request.webhook, one.exchanged.request.fields.DialAction]] : [],
    );
    expect(reports).toEqual([
      [0, 'answer', undefined],
      [5, 'dial-callback', 'ring'],
      [11, 'dial-callback', 'answer'],
      [41, 'dial-callback', 'hangup'],
      [41, 'dial-action', undefined],
      [42, 'hangup', undefined],
      [43, 'record-callback', undefined],
    ]);
    const [legB, legA] = [sent[3]?.fields, sent[5]?.fields];
    expect(legB).toMatchObject({ DialBLegDuration: '30', DialBLegBillDuration: '60', DialBLegTotalCost: '0.01780' });
    expect(legA).toMatchObject({ Duration: '37', BillDuration: '60', TotalCost: '0.00500', HangupCauseCode: '4000' });
    expect(legA).toMatchObject({ AnswerTime: '2026-03-01 10:00:04', EndTime: '2026-03-01 10:00:41' });
    expect(sent[6]?.fields).toMatchObject({ RecordingDurationMs: '30000' });
  });

  it('signs each request over its exact address', async () => {
    const { sent } = await call([response(GATHER), response(DIAL)], { entries: ['1234'] });
    expect(sent.length).toBeGreaterThan(4);
    for (const { url, method, headers, fields } of sent) {
      const arrived = { url, method, headers, query: {}, body: fields };
      expect(verifyPlivoSignature(arrived, 'secret')).toBe(true);
      expect(verifyPlivoSignature({ ...arrived, url: `${url}x` }, 'secret')).toBe(false);
    }
  });

  it('keys what it is asked for, cut where the provider cuts it', async () => {
    const { sent, lines } = await call([response(GATHER), response(DIAL)], { entries: ['12#4'] });
    expect(lines.slice(1, 4)).toEqual([
      '0 caller hears the sound https://b.example/p.mp3',
      '4 caller is asked for 1 to 4 digits',
      '6 caller keys 12#4, of which the provider takes "12"',
    ]);
    expect(sent[1]).toMatchObject({ url: `${ANSWER}?try=1`, fields: { Digits: '12', CallStatus: 'in-progress' } });
  });

  it.each([
    ['silent', { entries: [] }],
    ['keys what is not valid', { entries: ['12*4'] }],
  ])('goes on below where it is %s, and never calls the action then', async (_how, script) => {
    const { sent, played } = await call([response(GATHER), response('<Hangup/>')], script);
    expect(sent[1]?.url).toBe(`${ANSWER}?try=1&silent=true`);
    expect(sent[1]?.fields).not.toHaveProperty('Digits');
    expect(played.end).toBe('sent off');
  });

  it('keys slowly: what the provider waits for no longer is lost', async () => {
    const { sent } = await call([response(GATHER), response(DIAL)], { entries: ['1234'], keysSlowly: true });
    expect(sent[1]?.fields).toMatchObject({ Digits: '1' });
  });

  it('gives up when it is asked for ever', async () => {
    const { sent, played } = await call([response(GATHER)]);
    expect([sent.length, played.end]).toEqual([25, 'failed']);
  });

  it('hangs up at a question instead of being silent, and asks nothing more', async () => {
    const { sent, played, lines } = await call([response(GATHER)], { entries: ['1'], givesUp: true });
    expect(sent.map(({ webhook }) => webhook)).toEqual(['answer', 'answer', 'hangup']);
    expect(played).toMatchObject({ end: 'given up', dialled: null });
    expect(lines.at(-1)).toBe('9 caller ends hangs up');
    expect(sent.at(-1)?.fields).toMatchObject({ HangupSource: 'Caller', Duration: '9' });
  });

  it('is busy or does not answer', async () => {
    const busy = await call([response(DIAL)], { callee: 'busy' });
    expect(busy.played).toMatchObject({ end: 'busy', dialled: '12025551111' });
    expect(busy.sent.at(-2)?.fields).toMatchObject({ DialStatus: 'busy', DialHangupCause: 'USER_BUSY' });
    const silent = await call([response(DIAL)], { callee: 'silent' });
    expect(silent.lines.at(-1)).toBe('46 caller ends nobody answers');
    expect(silent.sent.map(({ fields }) => fields.DialAction)).not.toContain('answer');
  });

  it('talks no longer than the time limit', async () => {
    const { lines } = await call([response(DIAL.replace('14400', '10'))], { talkSeconds: 60 });
    expect(lines).toContain('7 both talk for 10 s, which is the time limit');
  });

  it('asks twice byte for byte, and notices when the answers differ', async () => {
    const same = await call([response(DIAL)], { asksTwice: true });
    expect(same.sent[1]).toEqual(same.sent[0]);
    expect(same.played.faults).toEqual([]);
    const other = await call([response(DIAL), response('<Hangup/>')], { asksTwice: true });
    expect(other.played.faults.map(({ code }) => code)).toEqual(['answers_differ']);
  });

  it('hears alone what the callee is to hear, and tells a leak there', async () => {
    const dial = DIAL.replace(' timeout', ' confirmSound="https://b.example/c" timeout');
    const { lines, played } = await call([response(dial), response('<Speak>2025550000 calls</Speak>')]);
    expect(lines).toContain('7 callee hears "2025550000 calls"');
    expect(played.faults.map(({ code }) => code)).toEqual(['number_leaked']);
  });

  it('is refused before it is answered', async () => {
    const { played, sent } = await call([response('<Hangup reason="rejected"/>')]);
    expect(played).toMatchObject({ end: 'rejected', dialled: null });
    expect(sent.at(-1)?.fields).toMatchObject({ Duration: '0', HangupCauseCode: '3020' });
    expect(sent.at(-1)?.fields).not.toHaveProperty('AnswerTime');
  });

  it('tells a document that its provider would not take, and calls nobody', async () => {
    const { played, lines } = await call(['<Response><Dial></Response>']);
    expect(played).toMatchObject({ end: 'failed', dialled: null });
    expect(lines.at(-1)).toContain('not well-formed');
  });
});

describe('a pretend phone at Hipcall', () => {
  const ask = { action: 'gather', args: { min_digits: 4, max_digits: 6, variable_name: 'pin_code' } };
  const dial = { action: 'dial', args: { destination: '12025551111' } };

  it('sends back every entry so far, and both its events', async () => {
    const again = { ...ask, args: { ...ask.args, variable_name: 'pin_code_2' } };
    const documents = [sequence(ask), sequence(again), sequence(dial)];
    const { sent, lines, played } = await call(documents, { entries: ['1111', '2222'] }, 'hipcall');
    expect(sent[2]?.fields).toMatchObject({ caller: CALLER, data: { pin_code: '1111', pin_code_2: '2222' } });
    expect(sent[0]?.headers).toMatchObject({ authorization: 'Basic aGlwOmNhbGw=' });
    expect(lines).toContain("9 callee sees the number that the provider's own account has for such calls");
    expect(sent.slice(3).map(({ fields }) => fields.event)).toEqual(['call_init', 'call_hangup']);
    expect(played).toMatchObject({ end: 'talked', shown: null, faults: [] });
  });

  it('tells of silence as of an empty entry', async () => {
    const { sent, played } = await call([sequence(ask), sequence({ action: 'hangup' })], {}, 'hipcall');
    expect(sent[1]?.fields).toMatchObject({ data: { pin_code: '' } });
    expect(played.end).toBe('sent off');
  });

  it('is connected to an extension of the provider’s', async () => {
    const connect = { action: 'connect', args: { destination: '1001' } };
    const { played, sent } = await call([sequence(connect)], {}, 'hipcall');
    expect(played).toMatchObject({ end: 'extension', dialled: null });
    expect(sent.at(-1)?.fields).toMatchObject({ event: 'call_hangup', data: { call_duration: 30 } });
  });
});
