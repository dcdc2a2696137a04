import { describe, expect, it } from 'vitest';
import { verifyPlivoSignature } from '../../src/dialects/plivo-signature.ts';
import { createHandset, type Handset, type HandsetOptions, type HandsetRequest } from './handset.ts';

const ANSWER_URL = 'https://h.example/answer/key';

/** A handset whose service answers with these documents in turn, and what it was sent. */
function handsetWith(
  documents: string[],
  options: Partial<HandsetOptions> = {},
): { handset: Handset; sent: HandsetRequest[] } {
  const sent: HandsetRequest[] = [];
  const dialect = options.dialect ?? 'plivo';
  const handset = createHandset({
    dialect,
    answerUrl: ANSWER_URL,
    from: '+14155550111',
    to: '+14155550100',
    post: async (request) => {
      sent.push(request);
      const body = documents[sent.length - 1] ?? documents.at(-1) ?? '';
      return { status: 200, contentType: dialect === 'plivo' ? 'application/xml' : 'application/json', body };
    },
    ...options,
  });
  return { handset, sent };
}

const form = (request: HandsetRequest | undefined) => Object.fromEntries(new URLSearchParams(request?.body));
const response = (inside: string) => `<?xml version="1.0" encoding="UTF-8"?><Response>${inside}</Response>`;
const sequence = (...seq: object[]) => JSON.stringify({ version: '1', seq });
const GATHER = `<GetDigits action="https://h.example/pin?try=1" numDigits="4" validDigits="0123456789"><Play>https://h.example/pin.mp3</Play></GetDigits>`;
const DIAL = '<Dial callerId="14155550100" timeout="45" timeLimit="90000"><Number>14155550122</Number></Dial>';

describe('the Plivo handset', () => {
  it('asks as Plivo does, with the captured parameters and numbers without +', async () => {
    const { handset, sent } = handsetWith([response('<Hangup/>')], { callId: 'call-1' });
    await handset.dial();
    expect(sent[0]).toMatchObject({ url: ANSWER_URL, method: 'POST' });
    expect(Object.keys(form(sent[0])).sort()).toEqual(
      'BillRate CallStatus CallUUID CallerName CountryCode Direction Event From ParentAuthID RouteType STIRAttestation STIRVerification SessionStart To'.split(
        ' ',
      ),
    );
    expect(form(sent[0])).toMatchObject({ CallUUID: 'call-1', From: '14155550111', To: '14155550100' });
  });

  it('hears prompts, and reports a dial with all that protects the caller', async () => {
    const text = '<Play>https://h.example/a.mp3</Play><Speak>One &amp; two</Speak><Wait length="3"/>';
    const record = '<Record recordSession="true" startOnDialAnswer="true" redirect="false"/>';
    const heard = await handsetWith([response(text + record + DIAL)]).handset.dial();
    expect(heard).toMatchObject({
      played: ['https://h.example/a.mp3'],
      spoken: ['One & two'],
      waited: 3,
      ended: false,
    });
    expect(heard.dialled).toEqual({
      number: '14155550122',
      callerId: '14155550100',
      timeLimit: 86_400,
      ringTimeout: 45,
      recording: true,
      calleePlayUrl: null,
    });
  });

  it('posts keyed digits to the action, cut at the finish key and at numDigits', async () => {
    for (const keys of ['1234', '1234#', '123456']) {
      const { handset, sent } = handsetWith([response(GATHER), response(DIAL)]);
      const heard = await handset.dial();
      expect(heard.asked).toEqual({ prompt: 'https://h.example/pin.mp3', minDigits: 1, maxDigits: 4 });
      expect((await handset.press(keys)).dialled?.number).toBe('14155550122');
      expect(sent[1]?.url).toBe('https://h.example/pin?try=1');
      expect(form(sent[1])).toMatchObject({ Digits: '1234', CallStatus: 'in-progress' });
    }
  });

  it('ends an entry at the finish key before numDigits is reached', async () => {
    const { handset, sent } = handsetWith([response(GATHER), response(DIAL)]);
    await handset.dial();
    await handset.press('12#34');
    expect(form(sent[1])).toMatchObject({ Digits: '12' });
  });

  it('falls through on silence and on a key that is not valid, and never calls the action then', async () => {
    const redirect = '<Redirect method="POST">https://h.example/pin?try=1&amp;silent=true</Redirect>';
    for (const act of [(handset: Handset) => handset.silence(), (handset: Handset) => handset.press('*')]) {
      const { handset, sent } = handsetWith([response(GATHER + redirect), response('<Hangup/>')]);
      await handset.dial();
      expect(await act(handset)).toMatchObject({ ended: true, asked: null });
      expect(sent[1]?.url).toBe('https://h.example/pin?try=1&silent=true');
      expect(form(sent[1])).not.toHaveProperty('Digits');
    }
    const { handset, sent } = handsetWith([response(GATHER)]);
    await handset.dial();
    expect(await handset.silence()).toMatchObject({ ended: true, status: 200 });
    expect(sent).toHaveLength(1);
  });

  it('signs each request over its exact address when it has a token', async () => {
    const { handset, sent } = handsetWith([response(GATHER), response(DIAL)], { credentials: { authToken: 'secret' } });
    await handset.dial();
    await handset.press('1');
    for (const request of sent) {
      const arrived = { ...request, query: {}, body: form(request) };
      expect(verifyPlivoSignature(arrived, 'secret')).toBe(true);
      expect(verifyPlivoSignature({ ...arrived, url: `${request.url}x` }, 'secret')).toBe(false);
    }
    expect(new Set(sent.map((request) => request.headers['x-plivo-signature-v3-nonce'])).size).toBe(2);
  });

  it('repeats the last request byte for byte', async () => {
    const { handset, sent } = handsetWith([response(GATHER)], { credentials: { authToken: 'secret' } });
    await expect(handset.repeat()).rejects.toThrow('nothing was sent');
    await handset.dial();
    await handset.repeat();
    expect(sent[1]).toEqual(sent[0]);
  });

  it('fetches what the callee hears', async () => {
    const dial = DIAL.replace(' timeout', ' confirmSound="https://h.example/c/1/first" timeout');
    const { handset, sent } = handsetWith([response(dial), response('<Play>https://h.example/c.mp3</Play>')]);
    expect((await handset.dial()).dialled?.calleePlayUrl).toBe('https://h.example/c/1/first');
    expect(await handset.calleeHears()).toEqual(['https://h.example/c.mp3']);
    expect(sent[1]?.url).toBe('https://h.example/c/1/first');
  });

  it.each([
    [
      'a dial without caller ID',
      response('<Dial timeLimit="1"><Number>14155550122</Number></Dial>'),
      'without callerId',
    ],
    ['an element that Plivo does not have', response('<Whisper/>'), 'unknown element Whisper'],
    ['an element in the wrong case', response('<hangup/>'), 'unknown element hangup'],
    [
      'an attribute that Plivo does not have',
      response(DIAL.replace('timeout', 'ringTimeout')),
      'unknown attribute ringTimeout',
    ],
    ['a value out of range', response('<Wait length="0"/>'), 'Wait with length="0"'],
    ['an element in the wrong place', response('<Play>https://h.example/a<Hangup/></Play>'), 'Hangup within Play'],
    ['text between elements', response('hello<Hangup/>'), 'Response holds "hello"'],
    ['a gather whose digits go nowhere', response('<GetDigits numDigits="4"/>'), 'unanswerable GetDigits'],
    [
      'a gather whose answer is ignored',
      response('<GetDigits action="https://h.example" redirect="false"/>'),
      'unanswerable',
    ],
    ['a gather without valid keys', response('<GetDigits action="https://h.example" validDigits=""/>'), 'unanswerable'],
    ['anything after a dial', response(`${DIAL}<Hangup/>`), 'Hangup after Dial'],
    ['a dial after a dial', response(DIAL + DIAL), 'Dial after Dial'],
    ['anything after a hangup', response('<Hangup/><Play>https://h.example/a</Play>'), 'Play after Hangup'],
    [
      'two numbers at once',
      response(DIAL.replace('</Number>', '</Number><Number>14155550123</Number>')),
      '2 destinations',
    ],
    ['a number that is none', response(DIAL.replace('14155550122', 'anonymous')), 'Number holds "anonymous"'],
    ['a rejection after a prompt', response('<Speak>Hi</Speak><Hangup reason="rejected"/>'), 'cannot be rejected'],
    ['a recording that takes a message', response(`<Record/>${DIAL}`), 'foreground'],
    ['markup that is not well-formed', '<Response><Play>x</Response>', 'not well-formed'],
    ['another root', '<Reply/>', 'not one Response'],
    ['a character that XML has not', response('<Speak>\u0001</Speak>'), 'not XML 1.0'],
    ['endless redirects', response('<Redirect>https://h.example/a</Redirect>'), 'ten times'],
    ['more than 100 kB', response(`<Speak>${'x'.repeat(100_000)}</Speak>`), '100 kB'],
  ])('notices %s', async (_what, document, message) => {
    await expect(handsetWith([document]).handset.dial()).rejects.toThrow(message);
  });

  it('notices another status and another content type', async () => {
    const answer = { status: 500, contentType: 'application/xml', body: response('') };
    await expect(handsetWith([], { post: async () => answer }).handset.dial()).rejects.toThrow('status 500');
    const html = { status: 200, contentType: 'text/html', body: response('') };
    await expect(handsetWith([], { post: async () => html }).handset.dial()).rejects.toThrow(
      'content type "text/html"',
    );
  });

  it('cannot key where nothing was asked', async () => {
    const { handset } = handsetWith([response('<Hangup/>')]);
    expect(await handset.dial()).toMatchObject({ ended: true, rejected: false });
    await expect(handset.press('1')).rejects.toThrow('nothing was asked');
    await expect(handset.silence()).rejects.toThrow('nothing was asked');
  });
});

describe('the Hipcall handset', () => {
  const gather = (name: string) => ({
    action: 'gather',
    args: { min_digits: 4, max_digits: 6, ask: 'https://h.example/pin.mp3', variable_name: name },
  });
  const play = { action: 'play', args: { url: 'https://h.example/a.mp3' } };
  const dial = { action: 'dial', args: { destination: '14155550122' } };
  const hipcall = (documents: string[], options: Partial<HandsetOptions> = {}) =>
    handsetWith(documents, { dialect: 'hipcall', ...options });

  it('sends the whole documented request, or the guide’s short one', async () => {
    const full = hipcall([sequence(dial)], { callId: 'call-1', credentials: { username: 'u', password: 'p:w' } });
    await full.handset.dial();
    expect(JSON.parse(full.sent[0]?.body ?? '')).toMatchObject({
      caller: '+14155550111',
      callee: '14155550100',
      data: {},
      uuid: 'call-1',
      direction: 'inbound',
    });
    expect(full.sent[0]?.headers.authorization).toBe(`Basic ${btoa('u:p:w')}`);
    const guide = hipcall([sequence(dial)], { style: 'guide' });
    await guide.handset.dial();
    expect(JSON.parse(guide.sent[0]?.body ?? '')).toEqual({ caller: '+14155550111', data: {} });
  });

  it('gathers every variable under the name that the document gave it', async () => {
    const { handset, sent } = hipcall([sequence(gather('one')), sequence(gather('two')), sequence(play, dial)]);
    expect((await handset.dial()).asked).toEqual({ prompt: 'https://h.example/pin.mp3', minDigits: 4, maxDigits: 6 });
    await handset.press('12345678');
    const heard = await handset.silence();
    expect(JSON.parse(sent[1]?.body ?? '').data).toEqual({ one: '123456' });
    expect(JSON.parse(sent[2]?.body ?? '').data).toEqual({ one: '123456', two: '' });
    expect(heard).toMatchObject({
      played: ['https://h.example/a.mp3'],
      dialled: { number: '14155550122', callerId: null },
    });
    await handset.repeat();
    expect(sent[3]).toEqual(sent[2]);
  });

  it('connects to an extension and hears the end', async () => {
    const connect = { action: 'connect', args: { destination: '1091' } };
    expect(await hipcall([sequence(connect)]).handset.dial()).toMatchObject({ connected: '1091', ended: false });
    expect(await hipcall([sequence({ action: 'hangup' })]).handset.dial()).toMatchObject({ ended: true, asked: null });
  });

  it.each([
    ['an action that is not documented', sequence({ action: 'say', args: { text: 'hi' } }), 'unknown action say'],
    [
      'an arg that is not documented',
      sequence({ ...dial, args: { ...dial.args, caller_id: '1' } }),
      'unknown caller_id of dial',
    ],
    ['a missing arg', sequence({ action: 'play', args: {} }), 'play with url undefined'],
    ['a destination with +', sequence({ action: 'dial', args: { destination: '+14155550122' } }), 'destination'],
    ['digits as text', sequence({ ...gather('a'), args: { ...gather('a').args, min_digits: '4' } }), 'min_digits "4"'],
    ['a gather whose digits go nowhere', sequence(gather('')), 'variable_name ""'],
    [
      'a gather that no digits satisfy',
      sequence({ ...gather('a'), args: { ...gather('a').args, max_digits: 3 } }),
      'unanswerable',
    ],
    ['items after a gather', sequence(gather('a'), dial), '1 items after gather'],
    ['a sequence without an ending', sequence(play), 'without gather'],
    ['an empty sequence', sequence(), 'without gather'],
    ['another version', JSON.stringify({ version: 2, seq: [dial] }), 'version 2'],
    ['args of a hangup', sequence({ action: 'hangup', args: {} }), 'args of hangup'],
  ])('notices %s', async (_what, document, message) => {
    await expect(hipcall([document]).handset.dial()).rejects.toThrow(message);
  });
});
