import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Phone } from '../../src/core/phone.ts';
import { APOLOGY, type DialEnding, type Ending, type Prompt } from '../../src/core/plan.ts';
import type { WebhookRequest } from '../../src/dialects/dialect.ts';
import { hipcall } from '../../src/dialects/hipcall.ts';
import { hostileText } from '../support/hostile-text.ts';

const render = (ending: Ending, prompts: Prompt[] = []) =>
  hipcall.render({ prompts, ending }, { answerUrl: 'https://h.example/answer/hipcall/key' });
const DIAL: DialEnding = {
  kind: 'dial',
  callee: '+905326202911' as Phone,
  callerId: '+908508851980' as Phone,
  ringTimeoutSeconds: 45,
  timeLimitSeconds: 14_400,
  recordFormat: 'mp3',
  calleePlay: { sessionId: 's1', side: 'first' },
};

function post(body: unknown, headers: WebhookRequest['headers'] = {}): WebhookRequest {
  return { method: 'POST', url: 'https://h.example/answer/hipcall/key', headers, query: {}, body };
}
const FULL = {
  caller: '+908508852972',
  callee: '908508851980',
  data: {},
  timestamp: 1729721495,
  uuid: '8bcfdf1d-d7b9-434d-9207-d33a8e73ac47',
  direction: 'inbound',
  external_manager_id: 2,
  callflow: [{ timestamp: 1729721495, action: 'init', detail: { id: 2, type: 'external_manager' } }],
};
const READ = {
  attestation: 'unknown',
  direction: 'inbound',
  callId: FULL.uuid,
  caller: '+908508852972',
  callee: '+908508851980',
  digits: null,
  tryNumber: null,
};
const malformed = (field: string) => ({ malformed: { field, rule: expect.any(String) } });
const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });

describe('hipcall.authenticate', () => {
  const credentials = { username: 'hip', password: 'pass:wörd' };

  it('asks for the very user and password when the connection has them', () => {
    expect(hipcall.authenticate(post(FULL, basic('hip:pass:wörd')), credentials)).toBe(true);
    expect(hipcall.authenticate(post(FULL, { authorization: `basic  ${btoa('hip:')}` }), { username: 'hip' })).toBe(
      true,
    );
    for (const text of ['hip:pass', 'hip:pass:wörd ', 'Hip:pass:wörd', ':pass:wörd', 'hip', '', ':', 'hip:']) {
      expect(hipcall.authenticate(post(FULL, basic(text)), credentials)).toBe(false);
    }
    // A password without a user is still a password.
    expect(hipcall.authenticate(post(FULL), { password: 'x' })).toBe(false);
    expect(hipcall.authenticate(post(FULL, basic(':x')), { password: 'x' })).toBe(true);
  });

  it('refuses a header that is missing, malformed, doubled or of another scheme', () => {
    const good = basic('hip:pass:wörd').authorization;
    for (const authorization of [
      undefined,
      '',
      'Basic',
      'Basic ',
      `Bearer ${good.slice(6)}`,
      `${good} x`,
      'Basic %%%',
      [good, good],
    ]) {
      expect(hipcall.authenticate(post(FULL, { authorization }), credentials)).toBe(false);
    }
    expect(hipcall.authenticate(post(FULL, {}), credentials)).toBe(false);
  });

  it('takes the unguessable address alone where the connection has no credentials', () => {
    expect(hipcall.authenticate(post(FULL), {})).toBe(true);
  });
});

describe('hipcall.parse', () => {
  it('reads the documented request, the guide’s short one, and a GET', () => {
    expect(hipcall.parse(post(FULL), null)).toEqual(READ);
    expect(hipcall.parse(post({ caller: '+908508852972', data: {} }), null)).toEqual({
      ...READ,
      direction: 'inbound',
      callId: null,
      callee: null,
    });
    const query = { caller: ' 908508852972', callee: '908508851980', uuid: FULL.uuid, data: 'x' };
    expect(hipcall.parse({ ...post(undefined), method: 'GET', query }, null)).toEqual(READ);
    // A POST is its body, whatever its query says.
    expect(hipcall.parse({ ...post(FULL), query: { caller: '1', callee: '2' } }, null)).toEqual(READ);
  });

  it('reads every prefix that the guide warns of as one phone', () => {
    for (const caller of [
      '+905060508169',
      '905060508169',
      '05060508169',
      '5060508169',
      ' 05060508169 ',
      '0090 506 050 81 69',
    ]) {
      expect(hipcall.parse(post({ ...FULL, caller }), 'TR')).toMatchObject({ caller: '+905060508169' });
    }
  });

  it('takes an unreadable caller for nobody, and refuses a missing one', () => {
    for (const caller of ['', 'anonymous', '112', null]) {
      expect(hipcall.parse(post({ ...FULL, caller }), 'TR')).toEqual({ ...READ, caller: null });
    }
    expect(hipcall.parse(post({ data: {} }), 'TR')).toEqual(malformed('caller'));
    for (const caller of [905060508169, ['+905060508169'], {}, true]) {
      expect(hipcall.parse(post({ ...FULL, caller }), 'TR')).toEqual(malformed('caller'));
    }
  });

  it('refuses a callee, an id or data that are there and unreadable', () => {
    for (const callee of ['anonymous', 908508851980, ['908508851980'], {}]) {
      expect(hipcall.parse(post({ ...FULL, callee }), null)).toEqual(malformed('callee'));
    }
    for (const uuid of ['', 'a b', 'x'.repeat(65), 7, [FULL.uuid], {}]) {
      expect(hipcall.parse(post({ ...FULL, uuid }), null)).toEqual(malformed('uuid'));
    }
    for (const data of ['', 'x', [], 1, true]) {
      expect(hipcall.parse(post({ ...FULL, data }), null)).toEqual(malformed('data'));
    }
    for (const body of [undefined, null, '', 'x', [], [FULL], 1]) {
      expect(hipcall.parse(post(body), null)).toEqual(malformed('body'));
    }
  });

  it('takes an empty callee as none', () => {
    for (const callee of ['', null])
      expect(hipcall.parse(post({ ...FULL, callee }), null)).toMatchObject({ callee: null });
  });

  it('ignores every other field, whatever its type', () => {
    const others = {
      timestamp: 'soon',
      direction: null,
      external_manager_id: {},
      callflow: 'x',
      data: { other: ['x'] },
      new: 1,
    };
    expect(hipcall.parse(post({ ...FULL, ...others }), null)).toEqual(READ);
    expect(hipcall.parse(post({ ...FULL, data: null, callee: null, uuid: null }), null)).toEqual({
      ...READ,
      callee: null,
      direction: 'inbound',
      callId: null,
    });
  });

  it('reads the digits of the latest try, for data keeps every earlier one', () => {
    const read = (data: object) => hipcall.parse(post({ ...FULL, data }), null);
    expect(read({ pin_code: '1234' })).toMatchObject({ digits: '1234', tryNumber: 1 });
    expect(read({ pin_code_2: '22', pin_code_10: '1010', pin_code: '1' })).toMatchObject({
      digits: '1010',
      tryNumber: 10,
    });
    expect(read({ pin_code: 'x', pin_code_2: '5678' })).toMatchObject({ digits: '5678', tryNumber: 2 });
    // None of ours: our first has no number, ours go to 99, and names are whole.
    expect(
      read({ pin_code_1: '1', pin_code_0: '1', pin_code_100: '1', pin_code_02: '1', my_pin_code: '1' }),
    ).toMatchObject({
      digits: null,
      tryNumber: null,
    });
  });

  it('reads text, whole numbers and silence as digits, without the finishing #', () => {
    const cases: [unknown, string][] = [
      ['', ''],
      [null, ''],
      ['#', ''],
      ['1234#', '1234'],
      ['12*#34', '12*#34'],
      [1234, '1234'],
      [0, '0'],
    ];
    for (const [pin_code, digits] of cases) {
      expect(hipcall.parse(post({ ...FULL, data: { pin_code } }), null)).toMatchObject({ digits, tryNumber: 1 });
    }
    for (const wrong of [
      '١٢٣٤',
      '１２３４',
      'abcd',
      '1 2',
      '1'.repeat(33),
      -1,
      1.5,
      2 ** 53,
      1e21,
      true,
      ['1'],
      { a: 1 },
      '1\n',
    ]) {
      expect(hipcall.parse(post({ ...FULL, data: { pin_code: wrong } }), null)).toEqual(malformed('data.pin_code'));
      expect(hipcall.parse(post({ ...FULL, data: { pin_code_3: wrong } }), null)).toEqual(malformed('data.pin_code_3'));
    }
  });

  it('answers any JSON with a question or a refusal, and never throws', () => {
    const body = fc.record(
      { caller: fc.anything(), callee: fc.anything(), uuid: fc.anything(), data: fc.anything() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(body, fc.anything()), (any) => {
        const read = hipcall.parse(post(any), 'TR');
        expect('malformed' in read || 'callId' in read).toBe(true);
      }),
    );
  });
});

describe('hipcall.render', () => {
  const version = '"version":"1"';

  it('dials the bare digits, and says nothing that the contract has no words for', () => {
    const prompts: Prompt[] = [
      { kind: 'play', url: 'https://h.example/"a".mp3' },
      { kind: 'say', text: 'x' },
      { kind: 'wait', seconds: 3 },
    ];
    expect(render(DIAL, prompts)).toBe(
      `{${version},"seq":[{"action":"play","args":{"url":"https://h.example/\\"a\\".mp3"}},{"action":"dial","args":{"destination":"905326202911"}}]}`,
    );
  });

  it('gathers under a name of its own for each try', () => {
    const ending = {
      kind: 'gather',
      tryNumber: 1,
      promptUrl: 'https://h.example/pin.mp3',
      minDigits: 4,
      maxDigits: 6,
    } as const;
    expect(render(ending)).toBe(
      `{${version},"seq":[{"action":"gather","args":{"min_digits":4,"max_digits":6,"ask":"https://h.example/pin.mp3","variable_name":"pin_code"}}]}`,
    );
    expect(render({ ...ending, tryNumber: 3, promptUrl: null })).toBe(
      `{${version},"seq":[{"action":"gather","args":{"min_digits":4,"max_digits":6,"variable_name":"pin_code_3"}}]}`,
    );
  });

  it('connects to an extension', () => {
    expect(render({ kind: 'extension', extension: '1091' })).toBe(
      `{${version},"seq":[{"action":"connect","args":{"destination":"1091"}}]}`,
    );
  });

  it('hangs up, rejected or not, and with the apology', () => {
    const hangup = `{${version},"seq":[{"action":"hangup"}]}`;
    expect(render({ kind: 'hangup', rejected: false })).toBe(hangup);
    expect(render({ kind: 'hangup', rejected: true })).toBe(hangup);
    expect(hipcall.render(APOLOGY, { answerUrl: '' })).toBe(hangup);
  });

  it('has exactly the steps of any plan, and gives every text back through a JSON parser', () => {
    const digits = fc.integer({ min: 1, max: 99 });
    const prompt = fc.oneof(
      hostileText.map((url) => ({ kind: 'play' as const, url })),
      hostileText.map((words) => ({ kind: 'say' as const, text: words })),
      digits.map((seconds) => ({ kind: 'wait' as const, seconds })),
    );
    const ending = fc.oneof(
      hostileText.map((extension) => ({ kind: 'extension' as const, extension })),
      fc.record({
        ...{ kind: fc.constant('gather' as const), tryNumber: digits, promptUrl: fc.option(hostileText) },
        ...{ minDigits: digits, maxDigits: digits },
      }),
      fc.constantFrom<Ending>(DIAL, { kind: 'hangup', rejected: true }, { kind: 'hangup', rejected: false }),
    );
    fc.assert(
      fc.property(fc.array(prompt, { maxLength: 4 }), ending, (prompts, last) => {
        const heard = prompts.flatMap((one) =>
          one.kind === 'play' ? [{ action: 'play', args: { url: one.url } }] : [],
        );
        const document = render(last, prompts);
        // In the bytes that it is sent as, halves of pairs are escaped.
        expect(Buffer.from(document).toString()).toBe(document);
        expect(JSON.parse(document)).toEqual({ version: '1', seq: [...heard, stepOf(last)] });
      }),
      { numRuns: 10_000 },
    );
  });

  it('reads back the digits that its own gather asked for, on every try', () => {
    for (let tryNumber = 1; tryNumber <= 99; tryNumber += 1) {
      const ending = { kind: 'gather', tryNumber, promptUrl: null, minDigits: 1, maxDigits: 4 } as const;
      const name = JSON.parse(render(ending)).seq[0].args.variable_name;
      expect(hipcall.parse(post({ ...FULL, data: { [name]: '12' } }), null)).toMatchObject({ tryNumber, digits: '12' });
    }
  });

  it('has nothing to play to the callee alone', () => {
    expect(hipcall.renderCalleePlay).toBeNull();
  });
});

/** The last step of a sequence, written anew after the contract. */
function stepOf(ending: Ending): object {
  switch (ending.kind) {
    case 'extension':
      return { action: 'connect', args: { destination: ending.extension } };
    case 'gather': {
      const variable_name = ending.tryNumber === 1 ? 'pin_code' : `pin_code_${ending.tryNumber}`;
      const ask = ending.promptUrl === null ? {} : { ask: ending.promptUrl };
      return {
        action: 'gather',
        args: { min_digits: ending.minDigits, max_digits: ending.maxDigits, ...ask, variable_name },
      };
    }
    case 'dial':
      return { action: 'dial', args: { destination: ending.callee.slice(1) } };
    default:
      return { action: 'hangup' };
  }
}
