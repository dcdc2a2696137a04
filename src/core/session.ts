import { type Country, countryOf, type Phone, type PhoneRules, parsePhone } from './phone.ts';
import { invalid, isRefused, type Refused, refused } from './problem.ts';
import type { SessionHistory } from './session-history.ts';

/** A fixed role in a session, whoever calls. */
export type Side = 'first' | 'second';

export type HttpMethod = 'GET' | 'POST';

export function otherSide(side: Side): Side {
  return side === 'first' ? 'second' : 'first';
}

/** What an app chooses for a session and no rule of the database looks into. Urls are '' where not given. */
export interface SessionSettings {
  readonly initiateCallToFirstParty: boolean;
  readonly geomatch: boolean;
  readonly callTimeLimitSeconds: number;
  readonly ringTimeoutSeconds: number;
  readonly record: boolean;
  readonly recordFormat: 'mp3' | 'wav';
  readonly recordingCallbackUrl: string;
  readonly recordingCallbackMethod: HttpMethod;
  readonly firstPartyPlayUrl: string;
  readonly secondPartyPlayUrl: string;
  readonly unknownCallerPlayUrl: string;
  readonly generatePin: boolean;
  readonly generatePinLength: number;
  readonly pinPromptPlayUrl: string;
  readonly pinRetry: number;
  readonly pinRetryWaitSeconds: number;
  readonly incorrectPinPlayUrl: string;
  readonly forcePin: boolean;
  /** What the app itself asked for; null when it did not say (the wire tells the two apart). */
  readonly singlePartyAsked: boolean | null;
}

/**
 * What a setting is where nobody has said it. Sessions are stored without such values (`store/stored-settings.ts`), so
 * whoever changes one changes those that there are.
 */
export const UNSAID_SETTINGS: SessionSettings = {
  initiateCallToFirstParty: false,
  geomatch: true,
  callTimeLimitSeconds: 14_400,
  ringTimeoutSeconds: 45,
  record: false,
  recordFormat: 'mp3',
  recordingCallbackUrl: '',
  recordingCallbackMethod: 'POST',
  firstPartyPlayUrl: '',
  secondPartyPlayUrl: '',
  unknownCallerPlayUrl: '',
  generatePin: false,
  generatePinLength: 4,
  pinPromptPlayUrl: '',
  pinRetry: 1,
  pinRetryWaitSeconds: 5,
  incorrectPinPlayUrl: '',
  forcePin: false,
  singlePartyAsked: null,
};

/** Two parties, one virtual number, a life span. */
export interface MaskingSession {
  readonly id: string;
  readonly accountId: string;
  readonly subaccountId: string | null;
  readonly virtualNumber: Phone;
  readonly firstParty: Phone | null;
  readonly secondParty: Phone | null;
  readonly firstPin: string | null;
  readonly secondPin: string | null;
  readonly pinRequired: boolean;
  /** True for a session made with one party, also after the other was added. */
  readonly singleParty: boolean;
  readonly cooloffSeconds: number;
  readonly callbackUrl: string;
  readonly callbackMethod: HttpMethod;
  readonly settings: SessionSettings;
  readonly createdAt: Date;
  readonly modifiedAt: Date;
  readonly expiresAt: Date;
  /** Judged by the database's clock when the row was read. */
  readonly isLive: boolean;
  readonly history: SessionHistory;
}

/** What an app asks for; a field that it did not give is absent. Numbers are as the app wrote them. */
export interface SessionWish {
  readonly firstParty?: string;
  readonly secondParty?: string;
  readonly subaccountId?: string;
  readonly expirySeconds?: number;
  readonly pinRequired?: boolean;
  readonly firstPin?: string;
  readonly secondPin?: string;
  readonly singleParty?: boolean;
  readonly cooloffSeconds?: number;
  readonly callbackUrl?: string;
  readonly callbackMethod?: HttpMethod;
  readonly settings: Partial<SessionSettings>;
}

export interface SessionDefaults {
  readonly expirySeconds: number;
  readonly callTimeLimitSeconds: number;
  readonly ringTimeoutSeconds: number;
}

/** A session that keeps every rule and still lacks its virtual number, and its PINs where they are generated. */
export interface SessionDraft {
  readonly firstParty: Phone | null;
  readonly secondParty: Phone | null;
  readonly subaccountId: string | null;
  /** The virtual number must be of this country; null when any will do. */
  readonly country: Country | null;
  readonly expirySeconds: number;
  readonly cooloffSeconds: number;
  readonly pinRequired: boolean;
  /** Null when PINs are generated, or not used. */
  readonly pins: { readonly first: string; readonly second: string } | null;
  /** Digits of PINs that are generated; null where they are as long as their virtual number asks for. */
  readonly pinLength: number | null;
  readonly singleParty: boolean;
  readonly callbackUrl: string;
  readonly callbackMethod: HttpMethod;
  readonly settings: SessionSettings;
}

/**
 * Checks a wish and fills in what it leaves open.
 *
 * PIN fields count only where PIN authentication is on, as Plivo's documentation says of each of them.
 */
export function draftSession(
  wish: SessionWish,
  defaults: SessionDefaults,
  phoneRules: PhoneRules,
): SessionDraft | Refused {
  const singleParty = wish.singleParty ?? false;
  const parties = readParties(wish, singleParty, phoneRules);
  if (isRefused(parties)) return parties;
  const settings = fillSettings(wish.settings, defaults);
  const pinRequired = wish.pinRequired ?? false;
  const pins = pinRequired ? readPins(wish, settings) : null;
  if (isRefused(pins)) return pins;
  const countryParty = parties.first ?? parties.second;
  return {
    firstParty: parties.first,
    secondParty: parties.second,
    subaccountId: wish.subaccountId ?? null,
    country: settings.geomatch && countryParty !== null ? countryOf(countryParty) : null,
    expirySeconds: wish.expirySeconds ?? defaults.expirySeconds,
    cooloffSeconds: wish.cooloffSeconds ?? 0,
    pinRequired,
    pins,
    pinLength: wish.settings.generatePinLength ?? null,
    singleParty,
    callbackUrl: wish.callbackUrl ?? '',
    callbackMethod: wish.callbackMethod ?? 'POST',
    settings: { ...settings, singlePartyAsked: wish.singleParty ?? null },
  };
}

/** New parties of a session that was made with one; refused where the two would be the same person. */
export function changeParties(
  session: Pick<MaskingSession, 'firstParty' | 'secondParty'>,
  wish: Pick<SessionWish, 'firstParty' | 'secondParty'>,
  phoneRules: PhoneRules,
): { first: Phone | null; second: Phone | null } | Refused {
  const first =
    wish.firstParty === undefined ? session.firstParty : readParty('first_party', wish.firstParty, phoneRules);
  if (isRefused(first)) return first;
  const second =
    wish.secondParty === undefined ? session.secondParty : readParty('second_party', wish.secondParty, phoneRules);
  if (isRefused(second)) return second;
  return distinct(first, second);
}

function readParties(wish: SessionWish, singleParty: boolean, rules: PhoneRules) {
  if (!wish.firstParty && !(singleParty && wish.secondParty)) return refused({ kind: 'missing', field: 'first_party' });
  if (!wish.secondParty && !singleParty) return refused({ kind: 'missing', field: 'second_party' });
  const first = wish.firstParty ? readParty('first_party', wish.firstParty, rules) : null;
  if (isRefused(first)) return first;
  const second = wish.secondParty ? readParty('second_party', wish.secondParty, rules) : null;
  if (isRefused(second)) return second;
  return distinct(first, second);
}

function readParty(field: string, text: string, rules: PhoneRules): Phone | Refused {
  return parsePhone(text, rules) ?? invalid(field, 'is not a valid phone number');
}

function distinct(first: Phone | null, second: Phone | null) {
  if (first !== null && first === second) return invalid('second_party', 'must differ from first_party');
  return { first, second };
}

function readPins(wish: SessionWish, settings: SessionSettings) {
  if (!settings.pinPromptPlayUrl) return refused({ kind: 'missing', field: 'pin_prompt_play' });
  if (settings.generatePin) return null;
  if (!wish.firstPin) return refused({ kind: 'missing', field: 'first_party_pin' });
  if (!wish.secondPin) return refused({ kind: 'missing', field: 'second_party_pin' });
  if (wish.firstPin === wish.secondPin) return invalid('second_party_pin', 'must differ from first_party_pin');
  return { first: wish.firstPin, second: wish.secondPin };
}

function fillSettings(given: Partial<SessionSettings>, defaults: SessionDefaults): SessionSettings {
  const { callTimeLimitSeconds, ringTimeoutSeconds } = defaults;
  return { ...UNSAID_SETTINGS, callTimeLimitSeconds, ringTimeoutSeconds, ...given };
}
