import { type Country, countryOf, type Phone, typeOf } from './phone.ts';

/** How a caller's number is believed, by STIR/SHAKEN as the provider reports it. */
export const CALLER_TRUST = ['off', 'reject_failed', 'pin_if_not_attested', 'attested_only'] as const;
export type CallerTrust = (typeof CALLER_TRUST)[number];

/**
 * What a provider knows of a caller's number. `unknown` wherever the number's country has no such system, most of
 * the world, and where the provider says nothing.
 */
export type Attestation = 'attested' | 'failed' | 'unknown';

/** Kinds of numbers that calls are made to for gain; the ones that cost their caller more are denied from the start. */
export const NUMBER_TYPES = [
  'PREMIUM_RATE',
  'SHARED_COST',
  'UAN',
  'VOICEMAIL',
  'PAGER',
  'PERSONAL_NUMBER',
  'TOLL_FREE',
  'VOIP',
] as const;
export type DeniedType = (typeof NUMBER_TYPES)[number];

/** How many calls there may be: of a session, on a virtual number, of an account; null for no limit. */
export interface CallCaps {
  readonly sessionAtOnce: number | null;
  readonly sessionHourly: number | null;
  readonly numberAtOnce: number | null;
  readonly numberHourly: number | null;
  readonly accountAtOnce: number | null;
  readonly accountHourly: number | null;
}

/** What the calls of an account may do. */
export interface CallPolicy {
  /** False stops every call and every new session at once. */
  readonly callsEnabled: boolean;
  readonly callerTrust: CallerTrust;
  /** Where calls may go to; null for everywhere. */
  readonly countries: readonly Country[] | null;
  readonly deniedTypes: readonly DeniedType[];
  /** Of E.164, with `+`. */
  readonly deniedPrefixes: readonly string[];
  readonly caps: CallCaps;
  /** An exact decimal: what the calls of a day (UTC) may cost, in each currency; null for no limit. */
  readonly dailySpend: string | null;
}

export const NO_CAPS: CallCaps = {
  sessionAtOnce: null,
  sessionHourly: null,
  numberAtOnce: null,
  numberHourly: null,
  accountAtOnce: null,
  accountHourly: null,
};

/** The policy of an account that has set none. Caps need hangups to be reported, so there is none from the start. */
export const DEFAULT_POLICY: CallPolicy = {
  callsEnabled: true,
  callerTrust: 'off',
  countries: null,
  deniedTypes: ['PREMIUM_RATE', 'SHARED_COST', 'UAN', 'VOICEMAIL', 'PAGER', 'PERSONAL_NUMBER'],
  deniedPrefixes: [],
  caps: NO_CAPS,
  dailySpend: null,
};

// Satellites and networks that belong to no country: a minute costs what a day costs elsewhere.
const SATELLITES = /^\+(870|878|881|882|883|979)/;

/** The rule that forbids calls to a phone, to follow the name of its field; null where they are allowed. */
export function destinationFault(policy: CallPolicy, phone: Phone): string | null {
  if (SATELLITES.test(phone)) return 'is a satellite or international network number, which are not called';
  if (policy.deniedPrefixes.some((prefix) => phone.startsWith(prefix))) {
    return 'begins with a prefix that is not called';
  }
  const type = typeOf(phone);
  if (policy.deniedTypes.some((denied) => denied === type)) {
    return `is a ${type?.toLowerCase().replace('_', ' ')} number, which are not called`;
  }
  if (policy.countries === null) return null;
  const country = countryOf(phone);
  return country !== null && policy.countries.includes(country) ? null : 'is in a country that is not called';
}

/** What becomes of a caller under the policy, before anything else is looked at. */
export function callerRule(policy: CallPolicy, attestation: Attestation): 'believe' | 'prove' | 'reject' {
  switch (policy.callerTrust) {
    case 'off':
      return 'believe';
    case 'reject_failed':
      return attestation === 'failed' ? 'reject' : 'believe';
    case 'pin_if_not_attested':
      return attestation === 'attested' ? 'believe' : 'prove';
    case 'attested_only':
      return attestation === 'attested' ? 'believe' : 'reject';
    default:
      return policy.callerTrust satisfies never;
  }
}
