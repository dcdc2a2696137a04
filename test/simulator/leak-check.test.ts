import { describe, expect, it } from 'vitest';
import { readHipcall } from '../../src/simulator/hipcall-document.ts';
import { checkCalleeDocument, checkDocument } from '../../src/simulator/leak-check.ts';
import { readPlivo } from '../../src/simulator/plivo-document.ts';

const [CALLER, CALLEE, VIRTUAL] = ['+12025550000', '+12025551111', '+14155550100'];
const persons = { caller: CALLER, virtualNumber: VIRTUAL };
const response = (inside: string) => `<?xml version="1.0" encoding="UTF-8"?>\n<Response>${inside}</Response>`;
const sequence = (...seq: object[]) => JSON.stringify({ version: '1', seq });

const DIAL = '<Dial callerId="14155550100" timeout="45" timeLimit="14400"><Number>12025551111</Number></Dial>';
const GATHER =
  '<GetDigits action="https://b.example/a?try=1" numDigits="4" timeout="10" validDigits="0123456789"><Play>https://b.example/p.mp3</Play></GetDigits><Redirect>https://b.example/a?try=1&amp;silent=true</Redirect>';

const plivo = (inside: string, who: Partial<typeof persons> = {}, isAnswered = false) =>
  checkDocument(readPlivo(response(inside)), { ...persons, ...who }, isAnswered).map(({ code }) => code);
const hipcall = (...seq: object[]) =>
  checkDocument(readHipcall(sequence(...seq)), persons, false).map(({ code }) => code);

describe('the leak check finds nothing in', () => {
  it.each([
    ['a dial behind a prompt', `<Play>https://b.example/hello.mp3</Play>${DIAL}`],
    ['a recorded dial', `<Record recordSession="true" startOnDialAnswer="true" redirect="false"/>${DIAL}`],
    ['a question', GATHER],
    ['a rejection', '<Hangup reason="rejected"/>'],
    ['a caller ID in another notation', DIAL.replace('callerId="14155550100"', 'callerId="+1 415 555 0100"')],
  ])('%s', (_what, inside) => {
    expect(plivo(inside)).toEqual([]);
  });

  it('the sequences of a language that has no words for caller ID and time limit', () => {
    expect(hipcall({ action: 'dial', args: { destination: CALLEE.slice(1) } })).toEqual([]);
    expect(
      hipcall({
        action: 'gather',
        args: { min_digits: 4, max_digits: 4, variable_name: 'pin_code', ask: 'https://b.example/p' },
      }),
    ).toEqual([]);
    expect(hipcall({ action: 'hangup' })).toEqual([]);
  });
});

describe('the leak check notices', () => {
  it.each([
    ['the caller’s number as caller ID', DIAL.replace('14155550100', '12025550000'), ['number_leaked']],
    ['the same in a national notation', DIAL.replace('14155550100', '(202) 555-0000'), ['number_leaked']],
    [
      'a caller ID of the number itself',
      DIAL.replace('<Number>', '<Number callerId="12025550000">'),
      ['number_leaked'],
    ],
    ['a caller name', DIAL.replace('<Dial', '<Dial callerName="Ann 202-555-0000"'), ['number_leaked']],
    ['a dial without caller ID', DIAL.replace('callerId="14155550100" ', ''), ['no_caller_id']],
    ['somebody else’s caller ID', DIAL.replace('14155550100', '14155550199'), ['no_caller_id']],
    ['the callee’s number in a prompt', `<Speak>You reach 202 555 1111</Speak>${DIAL}`, ['number_leaked']],
    ['the same digit by digit', `<Speak>2, 0, 2, 5, 5, 5, 1, 1, 1, 1</Speak>${DIAL}`, ['number_leaked']],
    ['the same as a sound', `<Play>https://tts.example/+12025551111.mp3</Play>${DIAL}`, ['number_leaked']],
    ['a dial without time limit', DIAL.replace(' timeLimit="14400"', ''), ['no_time_limit']],
    ['a time limit of nothing', DIAL.replace('14400', '0'), ['no_time_limit']],
    ['a time limit that is no number', DIAL.replace('14400', 'long'), ['no_time_limit']],
    ['a dial to the caller', DIAL.replace('12025551111', '12025550000'), ['dials_caller']],
    ['a dial to the number itself', DIAL.replace('12025551111', '14155550100'), ['dials_itself']],
    ['two callees', DIAL.replace('</Dial>', '<Number>12025552222</Number></Dial>'), ['not_one_callee']],
    ['a question whose digits go nowhere', GATHER.replace(/ action="[^"]+"/, ''), ['unanswerable_gather']],
    [
      'a question whose answer is ignored',
      GATHER.replace('<GetDigits', '<GetDigits redirect="false"'),
      ['unanswerable_gather'],
    ],
    [
      'a question without a valid key',
      GATHER.replace('validDigits="0123456789"', 'validDigits=""'),
      ['unanswerable_gather'],
    ],
    ['a question that only its end answers', GATHER.replace('"0123456789"', '"#"'), ['unanswerable_gather']],
    ['a question for no digits', GATHER.replace('numDigits="4"', 'numDigits="0"'), ['unanswerable_gather']],
    ['a question that waits for nobody', GATHER.replace('timeout="10"', 'timeout="0"'), ['unanswerable_gather']],
    ['a number in the question', GATHER.replace('p.mp3', '12025550000.mp3'), ['number_leaked']],
    ['a message that is taken', '<Record maxLength="60"/><Hangup/>', ['takes_message']],
    ['an element of nobody’s', '<Whisper/><Hangup/>', ['unknown_instruction']],
    ['what stands behind a dial', `${DIAL}<Hangup/>`, ['after_the_end']],
    ['an empty document', '', ['no_end']],
    ['a rejection after a prompt', '<Speak>Hello</Speak><Hangup reason="rejected"/>', ['rejected_after_answer']],
  ])('%s', (_what, inside, codes) => {
    expect(plivo(inside)).toEqual(codes);
  });

  it('a rejection of a call that was answered by an earlier document', () => {
    expect(plivo('<Hangup reason="rejected"/>', {}, true)).toEqual(['rejected_after_answer']);
  });

  it('no caller’s number where it is withheld, and their other numbers where they are told', () => {
    expect(plivo(DIAL, { caller: null as never })).toEqual([]);
    const others = { ...persons, others: ['+12025553333'] };
    const told = checkDocument(readPlivo(response('<Speak>2025553333</Speak><Hangup/>')), others, false);
    expect(told.map(({ code }) => code)).toEqual(['number_leaked']);
  });

  it.each([
    ['a dial to the caller', { action: 'dial', args: { destination: CALLER.slice(1) } }, ['dials_caller']],
    [
      'more digits at least than at most',
      { action: 'gather', args: { min_digits: 5, max_digits: 4, variable_name: 'pin' } },
      ['unanswerable_gather'],
    ],
    ['digits without a name', { action: 'gather', args: { min_digits: 4, max_digits: 4 } }, ['unanswerable_gather']],
    ['an action of nobody’s', { action: 'sing' }, ['unknown_instruction', 'no_end']],
  ])('in a sequence %s', (_what, item, codes) => {
    expect(hipcall(item)).toEqual(codes);
  });

  it('the caller’s number in what the callee alone hears, and whatever is not heard there', () => {
    const callee = (inside: string) =>
      checkCalleeDocument(readPlivo(response(inside)), persons).map(({ code }) => code);
    expect(callee('<Play>https://b.example/hello.mp3</Play>')).toEqual([]);
    expect(callee('<Speak>+1 (202) 555-0000 calls</Speak>')).toEqual(['number_leaked']);
    expect(callee('<Hangup/>')).toEqual(['unknown_instruction']);
  });

  it('says so without any number', () => {
    const faults = checkDocument(readPlivo(response(DIAL.replace('14155550100', '12025550000'))), persons, false);
    expect(JSON.stringify(faults)).not.toMatch(/\d{4}/);
  });
});

describe('a document that no provider would take', () => {
  it.each([
    ['is not well-formed', () => readPlivo('<Response><Dial></Response>'), 'not well-formed'],
    ['has another root', () => readPlivo('<Answer/>'), 'root'],
    ['is of another version', () => readHipcall('{"version":"2","seq":[]}'), 'version 1'],
    ['has no list', () => readHipcall('{"version":"1","seq":{}}'), 'list'],
    ['is no JSON', () => readHipcall('<Response/>'), 'JSON'],
  ])('%s', (_what, read, why) => {
    expect(read).toThrow(why);
  });
});
