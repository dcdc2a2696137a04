import { getCountries, getExampleNumber } from 'libphonenumber-js/max';
import examples from 'libphonenumber-js/mobile/examples';
import { describe, expect, it } from 'vitest';
import { decideCall } from '../../src/core/call.ts';
import {
  type Attestation,
  CALLER_TRUST,
  type CallPolicy,
  DEFAULT_POLICY,
  destinationFault,
} from '../../src/core/call-policy.ts';
import { type Country, countryOf, type Phone, typeOf } from '../../src/core/phone.ts';
import { factsOf, UNASKED, type World } from './random-call.ts';

/** Numbers that cost their caller more, each of the kind that its country's plan says. */
const DENIED: Readonly<Record<string, readonly string[]>> = {
  PREMIUM_RATE:
    '+19002345678 +449098765432 +33891123456 +34803123456 +3989212345678 +4319001234567 +905001234567 +61190012345 +41900123456 +4875012345678 +390899123456 +31900123456 +3290012345 +4690012345678 +35890012345 +81990123456 +6019001234'.split(
      ' ',
    ),
  SHARED_COST: '+448433000000 +33810123456 +34901123456 +390840123456 +41840123456 +4318101234 +493202123'.split(' '),
  UAN: '+443300000000 +905010000000 +445512345678 +41848123456 +448000000000 +914401234567'.split(' '),
  PERSONAL_NUMBER: '+447012345678 +41878123456 +433720123456 +61142123456'.split(' '),
  PAGER: '+447640123456 +447012345678 +493166123456'.split(' '),
};

describe('where calls may go', () => {
  it('is to the ordinary phones of all countries, and to none of the kinds that cost their caller more', () => {
    const mobiles = getCountries().map((country) => getExampleNumber(country, examples)?.number as Phone);
    expect(mobiles.length).toBeGreaterThan(200);
    const refused = mobiles.filter((phone) => phone && destinationFault(DEFAULT_POLICY, phone) !== null);
    expect(refused).toEqual([]);
    let denied = 0;
    for (const phone of Object.values(DENIED).flat()) {
      const type = typeOf(phone as Phone);
      const isCostly = DEFAULT_POLICY.deniedTypes.some((kind) => kind === type);
      denied += Number(isCostly);
      expect(destinationFault(DEFAULT_POLICY, phone as Phone) !== null, `${phone} is ${type}`).toBe(isCostly);
    }
    expect(denied).toBeGreaterThan(15);
  });

  it('is never to satellites and networks without a country', () => {
    for (const code of ['870', '878', '881', '882', '883', '979']) {
      expect(destinationFault(DEFAULT_POLICY, `+${code}123456789` as Phone)).toContain('satellite');
    }
  });

  it('is to the listed countries alone, where some are listed', () => {
    const countries: Country[] = ['TR', 'US'];
    const allowed = getCountries().filter((country) => {
      const phone = getExampleNumber(country, examples)?.number as Phone | undefined;
      return phone !== undefined && destinationFault({ ...DEFAULT_POLICY, countries }, phone) === null;
    });
    expect(allowed.sort()).toEqual(['TR', 'US']);
    // A fictional number belongs to no plan, and counts as one of its calling code's main country.
    expect(countryOf('+12025550100' as Phone)).toBe('US');
    expect(destinationFault({ ...DEFAULT_POLICY, countries }, '+12025550100' as Phone)).toBeNull();
  });

  it('is not to a denied prefix', () => {
    const policy = { ...DEFAULT_POLICY, deniedPrefixes: ['+1202'] };
    expect(destinationFault(policy, '+12025550100' as Phone)).toContain('prefix');
    expect(destinationFault(policy, '+12125550100' as Phone)).toBeNull();
  });
});

describe('a party whose number', () => {
  const party = '+12025551000' as Phone;
  const session = {
    id: 'session-0',
    parties: { first: party, second: '+12025551001' as Phone },
    playUrls: { first: '', second: '' },
    ringTimeoutSeconds: 45,
    callTimeLimitSeconds: 600,
    recordFormat: null,
    singleParty: false,
    lastCaller: null,
    pinRequired: true,
    forcePin: false,
    pinPromptPlayUrl: 'https://sounds.example/pin.mp3',
    incorrectPinPlayUrl: '',
    pinRetry: 1,
    pinRetryWaitSeconds: 5,
  };
  const world = (pinRequired: boolean): World => ({
    connection: { successPlayUrl: '', failurePlayUrl: '', fallback: null },
    standing: [{ session: { ...session, pinRequired }, pins: { first: '1357', second: '2468' }, isLive: true }],
  });
  const ending = (callerTrust: CallPolicy['callerTrust'], attestation: Attestation, pinRequired = true) => {
    const facts = factsOf(world(pinRequired), party, { call: null, booked: null }, null);
    const policy = { ...DEFAULT_POLICY, callerTrust };
    return decideCall({ ...facts, policy }, { ...UNASKED, attestation }).plan.ending.kind;
  };

  it('is attested, unknown or proved wrong is believed, asked for a PIN or turned away, as the policy says', () => {
    const table = Object.fromEntries(
      CALLER_TRUST.map((trust) => [
        trust,
        (['attested', 'unknown', 'failed'] as const).map((attestation) => ending(trust, attestation)),
      ]),
    );
    expect(table).toEqual({
      off: ['dial', 'dial', 'dial'],
      reject_failed: ['dial', 'dial', 'hangup'],
      pin_if_not_attested: ['dial', 'gather', 'gather'],
      attested_only: ['dial', 'hangup', 'hangup'],
    });
  });

  it('cannot be proved is connected to nobody where there is no PIN to prove it by', () => {
    expect(ending('pin_if_not_attested', 'unknown', false)).toBe('hangup');
  });
});
