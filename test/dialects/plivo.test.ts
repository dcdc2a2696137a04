import fc from 'fast-check';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import type { Phone } from '../../src/core/phone.ts';
import { APOLOGY, type CallPlan, type DialEnding, type Ending, type Prompt } from '../../src/core/plan.ts';
import type { WebhookRequest } from '../../src/dialects/dialect.ts';
import { plivo } from '../../src/dialects/plivo.ts';
import { hostileText } from '../support/hostile-text.ts';

const ANSWER_URL = 'https://h.example/answer/plivo/key';
const DIAL: DialEnding = {
  kind: 'dial',
  callee: '+14155550122' as Phone,
  callerId: '+14155550100' as Phone,
  ringTimeoutSeconds: 45,
  timeLimitSeconds: 14_400,
  recordFormat: null,
  calleePlay: null,
};
const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';
const render = (ending: Ending, prompts: Prompt[] = []) => plivo.render({ prompts, ending }, { answerUrl: ANSWER_URL });

function post(params: Record<string, unknown>, query: Record<string, unknown> = {}): WebhookRequest {
  return { method: 'POST', url: ANSWER_URL, headers: {}, query, body: params };
}
const CALL = { CallUUID: 'c-1', From: '14155550111', To: '14155550100' };
const READ = {
  direction: 'inbound',
  callId: 'c-1',
  caller: '+14155550111',
  attestation: 'unknown',
  callee: '+14155550100',
  digits: null,
  tryNumber: null,
};
const malformed = (field: string, rule: unknown = expect.any(String)) => ({ malformed: { field, rule } });

describe('plivo.authenticate', () => {
  it('takes the unguessable address alone where the connection has no token, and not where it has one', () => {
    expect(plivo.authenticate(post(CALL), {})).toBe(true);
    expect(plivo.authenticate(post(CALL), { authToken: 'secret' })).toBe(false);
    expect(plivo.authenticate(post(CALL), { authToken: '' })).toBe(false);
  });
});

describe('whose a caller’s number is', () => {
  it.each([
    [{ STIRVerification: 'Verified', STIRAttestation: 'A' }, 'attested'],
    [{ STIRVerification: 'Verified' }, 'attested'],
    [{ STIRVerification: 'Not Verified', STIRAttestation: 'B' }, 'unknown'],
    [{ STIRVerification: 'Not Verified', STIRAttestation: 'C' }, 'unknown'],
    [{ STIRVerification: 'Not Verified', STIRAttestation: 'Not Applicable' }, 'failed'],
    [{ STIRVerification: 'Not Verified' }, 'failed'],
    [{ STIRVerification: 'Not Applicable', STIRAttestation: 'Not Applicable' }, 'unknown'],
    [{ STIRVerification: '' }, 'unknown'],
    [{ STIRVerification: 'verified' }, 'unknown'],
    [{ STIRVerification: 'Verified ' }, 'unknown'],
    [{ STIRAttestation: 'A' }, 'unknown'],
    [{ Direction: 'outbound', STIRVerification: 'Not Applicable' }, 'attested'],
    [{}, 'unknown'],
  ])('is read from %j as %s', (given, attestation) => {
    expect(plivo.parse(post({ ...CALL, ...given }), null)).toMatchObject({ attestation });
  });

  it('is not read from what is given twice', () => {
    for (const name of ['STIRVerification', 'STIRAttestation']) {
      expect(plivo.parse(post({ ...CALL, [name]: ['Verified', 'Not Verified'] }), null)).toEqual(malformed(name));
    }
  });
});

describe('plivo.parse', () => {
  it('reads the form of a POST and the query of a GET', () => {
    expect(plivo.parse(post(CALL), null)).toEqual(READ);
    const url = `${ANSWER_URL}?CallUUID=c-1&From=14155550111&To=14155550100`;
    expect(plivo.parse({ method: 'GET', url, headers: {}, query: CALL, body: undefined }, null)).toEqual(READ);
    expect(plivo.parse({ ...post({}), query: CALL }, null)).toEqual(malformed('CallUUID'));
    expect(plivo.parse({ ...post(CALL), method: 'GET' }, null)).toEqual(malformed('CallUUID'));
  });

  it('reads the captured requests', () => {
    const answer =
      'ALegRequestUUID=38cb006a-e25d-4455-9862-27550dbea7e9&ALegUUID=38cb006a-e25d-4455-9862-27550dbea7e9&BillRate=0.005&CallStatus=in-progress&CallUUID=38cb006a-e25d-4455-9862-27550dbea7e9&CountryCode=IN&Direction=outbound&Event=StartApp&From=918035000000&ParentAuthID=MAXXXXXXXXXXXXXXXXXX&RequestUUID=38cb006a-e25d-4455-9862-27550dbea7e9&RouteType=Domestic_Anchored&STIRAttestation=Not+Applicable&STIRVerification=Not+Applicable&SessionStart=2024-10-25+14%3A13%3A37.779297&To=919999999999';
    expect(plivo.parse(post(Object.fromEntries(new URLSearchParams(answer))), null)).toEqual({
      ...READ,
      // A call that was placed for us: the person on it is the one that was called.
      direction: 'outbound',
      attestation: 'attested',
      callId: '38cb006a-e25d-4455-9862-27550dbea7e9',
      caller: '+919999999999',
      callee: '+918035000000',
    });
  });

  it('reads numbers with +, without it, and with the + that a form turned into a space', () => {
    for (const From of ['+14155550111', '14155550111', ' 14155550111', ' +14155550111 ']) {
      expect(plivo.parse(post({ ...CALL, From }), null)).toEqual(READ);
      expect(plivo.parse(post({ ...CALL, From }), 'TR')).toEqual(READ);
    }
    expect(plivo.parse(post({ ...CALL, From: ' 5326202911' }), 'TR')).toMatchObject({ caller: '+5326202911' });
    expect(plivo.parse(post({ ...CALL, From: '05326202911' }), 'TR')).toMatchObject({ caller: '+905326202911' });
  });

  it('takes a withheld or unreadable caller for nobody, and asks for a readable callee', () => {
    for (const From of ['', 'anonymous', 'Restricted', 'sip:alice@h.example', '100', '+', '١٤١٥٥٥٥٠١١١', undefined]) {
      expect(plivo.parse(post({ ...CALL, From }), null)).toEqual({ ...READ, caller: null });
    }
    for (const To of [undefined, '', 'anonymous', 'sip:alice@h.example', '911', '١٤١٥٥٥٥٠١٠٠', '14155550100\u200b']) {
      expect(plivo.parse(post({ ...CALL, To }), null)).toEqual(malformed('To', 'must be a phone number'));
    }
  });

  it('takes no longer name for a shorter one that was lost within it', () => {
    const withheld = { CallUUID: 'c-1', To: '14155550100', ForwardedFrom: '14155550199', ALegRequestUUID: 'r-1' };
    expect(plivo.parse(post(withheld), null)).toEqual({ ...READ, caller: null });
    // A caller may be called after a parameter that is there, or after the word alone.
    const named = { ...CALL, Event: 'StartApp', CallerName: 'Tom From Event Digits' };
    expect(plivo.parse(post(named), null)).toEqual(READ);
    expect(plivo.parse(post({ CallUUID: 'c-1', Fro: 'm14155550111', To: '14155550100' }), null)).toEqual(
      malformed('From'),
    );
  });

  it('refuses a parameter given twice or as anything but text', () => {
    for (const name of ['CallUUID', 'From', 'To', 'Digits']) {
      for (const value of [['1', '1'], { a: '1' }, 1, null, true]) {
        expect(plivo.parse(post({ ...CALL, [name]: value }), null)).toEqual(malformed(name, 'must be given once'));
      }
    }
    expect(plivo.parse(post(CALL, { try: ['1', '2'] }), null)).toEqual(malformed('try', 'must be given once'));
    expect(plivo.parse(post(CALL, { silent: ['true', 'true'] }), null)).toEqual(
      malformed('silent', 'must be given once'),
    );
  });

  it('refuses what is out of range, and a body that is no form', () => {
    for (const CallUUID of [undefined, '', 'a b', 'x'.repeat(65), 'c-1\n', 'ç']) {
      expect(plivo.parse(post({ ...CALL, CallUUID }), null)).toEqual(malformed('CallUUID'));
    }
    for (const Digits of ['١٢٣٤', '１２３４', '12 34', '1'.repeat(33), 'ABCD', '-1', '1234\n']) {
      expect(plivo.parse(post({ ...CALL, Digits }), null)).toEqual(malformed('Digits'));
    }
    for (const tryNumber of ['0', '100', '1.5', '-1', '', ' 1', '01', '1e1', '２']) {
      expect(plivo.parse(post(CALL, { try: tryNumber }), null)).toEqual(malformed('try', 'must be 1 to 99'));
    }
    expect(plivo.parse(post(CALL, { silent: 'false' }), null)).toEqual(malformed('silent'));
    for (const body of [undefined, null, '', 'text', [], [CALL]]) {
      expect(plivo.parse({ ...post({}), body }, null)).toEqual(malformed('body'));
    }
  });

  it('tells digits keyed, silence, and nobody asked yet apart', () => {
    const digitsOf = (form: object, query: Record<string, string>) =>
      plivo.parse(post({ ...CALL, ...form }, query), null);
    expect(digitsOf({}, {})).toMatchObject({ digits: null, tryNumber: null });
    expect(digitsOf({ Digits: '12*#' }, { try: '2' })).toMatchObject({ digits: '12*#', tryNumber: 2 });
    expect(digitsOf({ Digits: '' }, { try: '99' })).toMatchObject({ digits: '', tryNumber: 99 });
    expect(digitsOf({}, { try: '3', silent: 'true' })).toMatchObject({ digits: '', tryNumber: 3 });
    expect(digitsOf({ Digits: '12' }, { try: '3', silent: 'true' })).toMatchObject({ digits: '12', tryNumber: 3 });
    expect(digitsOf({}, { try: '3' })).toMatchObject({ digits: null, tryNumber: 3 });
    // Only the query is ours: the same names in a form are somebody else's.
    expect(digitsOf({ silent: 'true', try: '3' }, {})).toMatchObject({ digits: null, tryNumber: null });
  });

  it('answers any form with a question or a refusal, and never throws', () => {
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.anything());
    const form = fc.record({ CallUUID: value, From: value, To: value, Digits: value }, { requiredKeys: [] });
    fc.assert(
      fc.property(fc.oneof(form, fc.anything()), form, (body, query) => {
        const read = plivo.parse({ ...post({}), body, query }, 'TR');
        expect('malformed' in read || 'callId' in read).toBe(true);
      }),
    );
  });
});

// Where Plivo reports what becomes of a dial.
const REPORTS = ` action="${ANSWER_URL}/dial-action/" method="POST" redirect="false" callbackUrl="${ANSWER_URL}/dial-callback/" callbackMethod="POST"`;

describe('plivo.render', () => {
  it('dials with the virtual number as caller ID, a ring timeout and a time limit', () => {
    expect(render(DIAL)).toBe(
      `${HEAD}<Response><Dial callerId="14155550100" timeout="45" timeLimit="14400"${REPORTS}><Number>14155550122</Number></Dial></Response>`,
    );
  });

  it('records from the answer on, and plays to the callee alone, when asked to', () => {
    const ending = { ...DIAL, recordFormat: 'wav', calleePlay: { sessionId: 's/1', side: 'second' } } as const;
    expect(render(ending, [{ kind: 'play', url: 'https://h.example/a.mp3?x=1&y=2' }])).toBe(
      `${HEAD}<Response><Play>https://h.example/a.mp3?x=1&amp;y=2</Play>` +
        `<Record action="${ANSWER_URL}/record-action/" method="POST" redirect="false" recordSession="true" startOnDialAnswer="true" ` +
        `fileFormat="wav" maxLength="14400" callbackUrl="${ANSWER_URL}/record-callback/" callbackMethod="POST"/>` +
        `<Dial callerId="14155550100" timeout="45" timeLimit="14400"${REPORTS} confirmSound="${ANSWER_URL}/callee-play/s%2F1/second">` +
        '<Number>14155550122</Number></Dial></Response>',
    );
  });

  it('gathers without logging the digits, and brings a silent caller back', () => {
    const attributes =
      'method="POST" numDigits="6" timeout="10" digitTimeout="5" retries="1" finishOnKey="#" validDigits="0123456789" log="false" redirect="true" playBeep="false"';
    const redirect = `<Redirect method="POST">${ANSWER_URL}?try=2&amp;silent=true</Redirect>`;
    const ending = {
      kind: 'gather',
      tryNumber: 2,
      promptUrl: 'https://h.example/pin.mp3',
      minDigits: 4,
      maxDigits: 6,
    } as const;
    expect(render(ending, [{ kind: 'wait', seconds: 2 }])).toBe(
      `${HEAD}<Response><Wait length="2"/><GetDigits action="${ANSWER_URL}?try=2" ${attributes}><Play>https://h.example/pin.mp3</Play></GetDigits>${redirect}</Response>`,
    );
    expect(render({ ...ending, promptUrl: null })).toBe(
      `${HEAD}<Response><GetDigits action="${ANSWER_URL}?try=2" ${attributes}></GetDigits>${redirect}</Response>`,
    );
  });

  it('hangs up, and rejects only a call that no prompt has answered', () => {
    expect(render({ kind: 'hangup', rejected: false })).toBe(`${HEAD}<Response><Hangup/></Response>`);
    expect(render({ kind: 'hangup', rejected: true })).toBe(`${HEAD}<Response><Hangup reason="rejected"/></Response>`);
    expect(render({ kind: 'hangup', rejected: true }, [{ kind: 'say', text: 'No' }])).toBe(
      `${HEAD}<Response><Speak>No</Speak><Hangup/></Response>`,
    );
    expect(plivo.render(APOLOGY, { answerUrl: ANSWER_URL })).toBe(
      `${HEAD}<Response><Speak>Sorry, this call cannot be connected right now.</Speak><Hangup/></Response>`,
    );
  });

  it('never dials an extension, which would be shown the caller’s number', () => {
    expect(render({ kind: 'extension', extension: 'sip:alice@h.example' })).toBe(
      `${HEAD}<Response><Hangup/></Response>`,
    );
  });

  it('waits whole seconds, one at least, or not at all', () => {
    const hangup = { kind: 'hangup', rejected: false } as const;
    expect(render(hangup, [{ kind: 'wait', seconds: 0.2 }])).toContain('<Wait length="1"/>');
    expect(render(hangup, [{ kind: 'wait', seconds: 0 }])).not.toContain('Wait');
  });

  it('plays to the callee, or nothing', () => {
    expect(plivo.renderCalleePlay?.('https://h.example/a?b&c')).toBe(
      `${HEAD}<Response><Play>https://h.example/a?b&amp;c</Play></Response>`,
    );
    expect(plivo.renderCalleePlay?.(null)).toBe(`${HEAD}<Response/>`);
  });
});

const text = hostileText;
const phone = fc.stringMatching(/^\+[1-9][0-9]{6,14}$/).map((digits) => digits as Phone);
const prompt: fc.Arbitrary<Prompt> = fc.oneof(
  text.map((url) => ({ kind: 'play' as const, url })),
  text.map((words) => ({ kind: 'say' as const, text: words })),
  fc.integer({ min: 1, max: 60 }).map((seconds) => ({ kind: 'wait' as const, seconds })),
);
const count = fc.integer({ min: 1, max: 99 });
const ending: fc.Arbitrary<Ending> = fc.oneof(
  fc.record({
    kind: fc.constant('gather' as const),
    tryNumber: count,
    promptUrl: fc.option(text),
    minDigits: count,
    maxDigits: count,
  }),
  fc.record({
    kind: fc.constant('dial' as const),
    callee: phone,
    callerId: phone,
    ringTimeoutSeconds: count,
    timeLimitSeconds: count,
    recordFormat: fc.option(fc.constantFrom('mp3' as const, 'wav' as const)),
    calleePlay: fc.option(
      fc.record({ sessionId: fc.uuid(), side: fc.constantFrom('first' as const, 'second' as const) }),
    ),
  }),
  text.map((extension) => ({ kind: 'extension' as const, extension })),
  fc.boolean().map((rejected) => ({ kind: 'hangup' as const, rejected })),
);

describe('a Plivo document of any plan', () => {
  const parser = new XMLParser({
    preserveOrder: true,
    ignoreAttributes: false,
    attributeNamePrefix: '',
    parseTagValue: false,
    parseAttributeValue: false,
    trimValues: false,
    htmlEntities: true,
  });

  it('is well-formed, has exactly the elements of the plan, and gives every text back', () => {
    const plan = fc.record({ prompts: fc.array(prompt, { maxLength: 4 }), ending });
    fc.assert(
      fc.property(plan, text, (calls, answerUrl) => {
        const document = plivo.render(calls, { answerUrl });
        expect(XMLValidator.validate(document)).toBe(true);
        const parsed = parser.parse(document).slice(1).flatMap(listed);
        expect(parsed).toEqual(expectedElements(calls, answerUrl));
      }),
      { numRuns: 10_000 },
    );
  }, 90_000);

  it('or of what a callee hears alone is well-formed and plays the very address', () => {
    fc.assert(
      fc.property(text, (url) => {
        const document = plivo.renderCalleePlay?.(url) ?? '';
        expect(XMLValidator.validate(document)).toBe(true);
        const words = spoken(url) === '' ? [] : [`text ${spoken(url)}`];
        expect(parser.parse(document).slice(1).flatMap(listed)).toEqual(['Response []', 'Play []', ...words]);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Elements in document order, each as name, attribute names and text. */
function listed(node: Record<string, unknown>): string[] {
  const name = Object.keys(node).find((key) => key !== ':@') ?? '';
  if (name === '#text') return [`text ${String(node[name])}`];
  const attributes = Object.entries((node[':@'] ?? {}) as Record<string, string>);
  return [`${name} ${JSON.stringify(attributes)}`, ...(node[name] as Record<string, unknown>[]).flatMap(listed)];
}

function expectedElements({ prompts, ending: last }: CallPlan, answerUrl: string): string[] {
  const element = (name: string, attributes: object = {}) => `${name} ${JSON.stringify(Object.entries(attributes))}`;
  const content = (words: string) => (spoken(words) === '' ? [] : [`text ${spoken(words)}`]);
  const before = prompts.flatMap((one) => {
    if (one.kind === 'wait') return [element('Wait', { length: String(one.seconds) })];
    return one.kind === 'play' ? [element('Play'), ...content(one.url)] : [element('Speak'), ...content(one.text)];
  });
  const head = [element('Response'), ...before];
  if (last.kind === 'hangup' && last.rejected && prompts.length === 0)
    return [...head, element('Hangup', { reason: 'rejected' })];
  if (last.kind === 'hangup' || last.kind === 'extension') return [...head, element('Hangup')];
  if (last.kind === 'gather') {
    const action = `${spoken(answerUrl)}?try=${last.tryNumber}`;
    const attributes = {
      action,
      method: 'POST',
      numDigits: String(last.maxDigits),
      timeout: '10',
      digitTimeout: '5',
      retries: '1',
      finishOnKey: '#',
      validDigits: '0123456789',
      log: 'false',
      redirect: 'true',
      playBeep: 'false',
    };
    const play = last.promptUrl === null ? [] : [element('Play'), ...content(last.promptUrl)];
    const redirect = [element('Redirect', { method: 'POST' }), `text ${action}&silent=true`];
    return [...head, element('GetDigits', attributes), ...play, ...redirect];
  }
  const limit = String(last.timeLimitSeconds);
  const record =
    last.recordFormat === null
      ? []
      : [
          element('Record', {
            action: `${spoken(answerUrl)}/record-action/`,
            method: 'POST',
            redirect: 'false',
            recordSession: 'true',
            startOnDialAnswer: 'true',
            fileFormat: last.recordFormat,
            maxLength: limit,
            callbackUrl: `${spoken(answerUrl)}/record-callback/`,
            callbackMethod: 'POST',
          }),
        ];
  const play = last.calleePlay;
  const dial = element('Dial', {
    callerId: last.callerId.slice(1),
    timeout: String(last.ringTimeoutSeconds),
    timeLimit: limit,
    action: `${spoken(answerUrl)}/dial-action/`,
    method: 'POST',
    redirect: 'false',
    callbackUrl: `${spoken(answerUrl)}/dial-callback/`,
    callbackMethod: 'POST',
    ...(play && { confirmSound: `${spoken(answerUrl)}/callee-play/${play.sessionId}/${play.side}` }),
  });
  return [...head, ...record, dial, element('Number'), `text ${last.callee.slice(1)}`];
}

/** The text without what XML 1.0 cannot carry. */
function spoken(words: string): string {
  return [...words]
    .filter((character) => {
      const code = character.codePointAt(0) ?? 0;
      if (code < 0x20) return code === 0x9 || code === 0xa || code === 0xd;
      return !(code >= 0xd800 && code <= 0xdfff) && code !== 0xfffe && code !== 0xffff;
    })
    .join('');
}
