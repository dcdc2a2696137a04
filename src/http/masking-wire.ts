import * as z from 'zod';
import type { MaskingSession, SessionSettings, SessionWish } from '../core/session.ts';
import { address, choice, duration, flag, method, phone, pin, subaccount, whole } from './fields.ts';
import { interactionsToWire, wireTime } from './interaction-wire.ts';

// Plivo's words for a session and ours: the only place where both stand. Source of the oddities: Plivo's
// documentation and the fixtures of its SDKs, see src/README.md.

const CHANGEABLE = {
  first_party: phone().optional().describe('The phone of the first party, in any notation that its country knows.'),
  second_party: phone().optional().describe('The phone of the second party.'),
  session_expiry: duration(7_776_000)
    .optional()
    .describe('Seconds until the session ends by itself; 0 for the default.'),
  call_time_limit: duration(86_400).optional().describe('The longest call in seconds; 0 for the default.'),
  ring_timeout: duration(600).optional().describe('Seconds to wait for the callee to answer; 0 for the default.'),
  callback_url: address().optional().describe('Told of what happens in the session.'),
  callback_method: method().optional().describe('How the callback address is called.'),
  record: flag().optional().describe('Record each call from when both have answered.'),
  record_file_format: choice(['mp3', 'wav']).optional().describe('Format of the recordings.'),
  recording_callback_url: address().optional().describe('Told of recordings.'),
  recording_callback_method: method().optional().describe('How that address is called.'),
  first_party_play_url: address().optional().describe('Played to the first party before it is connected.'),
  second_party_play_url: address().optional().describe('Played to the second party before it is connected.'),
};

export const updateBody = z.object(CHANGEABLE).meta({ id: 'MaskingSessionUpdate' });

export const createBody = z
  .object({
    ...CHANGEABLE,
    geomatch: flag()
      .optional()
      .describe('The virtual number must be of the country of the first party (default true).'),
    subaccount: subaccount().optional().describe('The subaccount that the session is for; only its numbers are used.'),
    initiate_call_to_first_party: flag()
      .optional()
      .describe('Call the first party at once, from the virtual number, and connect the second when it answers.'),
    is_pin_authentication_required: flag().optional().describe('Unknown callers prove by a PIN who they are.'),
    generate_pin: flag().optional().describe('Make both PINs.'),
    generate_pin_length: whole(4, 15).optional().describe('Digits of a generated PIN (default 4).'),
    first_party_pin: pin()
      .optional()
      .describe('4 to 15 digits that name the first party; whoever keys them reaches the second.'),
    second_party_pin: pin().optional().describe('4 to 15 digits that name the second party.'),
    pin_prompt_play: address().optional().describe('Played to ask for the PIN; required with PIN authentication.'),
    pin_retry: whole(0, 5).optional().describe('Further tries after a wrong PIN (default 1).'),
    pin_retry_wait: whole(5, 10).optional().describe('Seconds between tries (default 5).'),
    incorrect_pin_play: address().optional().describe('Played after a wrong PIN.'),
    unknown_caller_play: address().optional().describe('Played to an unknown caller before the call ends.'),
    force_pin_authentication: flag().optional().describe('Ask also known callers for their PIN.'),
    create_session_with_single_party: flag()
      .optional()
      .describe('Only one party is known: anyone who calls reaches it.'),
    virtual_number_cooloff_period: whole(0, 3600)
      .optional()
      .describe('Seconds for which the number rests after the session.'),
  })
  .meta({
    id: 'MaskingSessionCreate',
    examples: [{ first_party: '+12025550000', second_party: '+12025551111', session_expiry: 1800 }],
  });

// What SDKs really send for a name, or did in older documents.
const ALIASES: Readonly<Record<string, string>> = {
  geo_match: 'geomatch',
  sub_account: 'subaccount',
  is_pin_authentication: 'is_pin_authentication_required',
  create_session_with_single_Party: 'create_session_with_single_party',
};

/** The body with today's names; null and '' for a field that takes neither count as not given. */
export function canonicalBody(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body ?? {};
  const given = Object.entries(body).filter(([, value]) => value !== null);
  const renamed = given.flatMap(([name, value]) => (ALIASES[name] ? [[ALIASES[name], value]] : []));
  const named = given.filter(
    ([name, value]) => ALIASES[name] === undefined && !(value === '' && !KEEPS_EMPTY.test(name)),
  );
  // A right name wins over an alias: Node's SDK sends both when its user writes both.
  return Object.fromEntries([...renamed, ...named]);
}

const KEEPS_EMPTY = /(_url|_play)$/;

/** What the app asks for, in our words. */
export function toWish(body: z.output<typeof createBody>): SessionWish {
  return defined({
    firstParty: body.first_party,
    secondParty: body.second_party,
    subaccountId: body.subaccount,
    expirySeconds: body.session_expiry || undefined,
    pinRequired: body.is_pin_authentication_required,
    firstPin: body.first_party_pin,
    secondPin: body.second_party_pin,
    singleParty: body.create_session_with_single_party,
    cooloffSeconds: body.virtual_number_cooloff_period,
    callbackUrl: body.callback_url,
    callbackMethod: body.callback_method,
    settings: toSettings(body),
  });
}

function toSettings(body: z.output<typeof createBody>): Partial<SessionSettings> {
  return defined({
    initiateCallToFirstParty: body.initiate_call_to_first_party,
    geomatch: body.geomatch,
    callTimeLimitSeconds: body.call_time_limit || undefined,
    ringTimeoutSeconds: body.ring_timeout || undefined,
    record: body.record,
    recordFormat: body.record_file_format,
    recordingCallbackUrl: body.recording_callback_url,
    recordingCallbackMethod: body.recording_callback_method,
    firstPartyPlayUrl: body.first_party_play_url,
    secondPartyPlayUrl: body.second_party_play_url,
    unknownCallerPlayUrl: body.unknown_caller_play,
    generatePin: body.generate_pin,
    generatePinLength: body.generate_pin_length,
    pinPromptPlayUrl: body.pin_prompt_play,
    pinRetry: body.pin_retry,
    pinRetryWaitSeconds: body.pin_retry_wait,
    incorrectPinPlayUrl: body.incorrect_pin_play,
    forcePin: body.force_pin_authentication,
  });
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}

/** What an app is told of PINs that it has made too short; nothing where they are long enough. */
export function warningOf(guessChance: number | null): { warning?: string } {
  if (guessChance === null) return {};
  const percent = Number((100 * guessChance).toPrecision(2));
  return {
    warning: `The PINs are short: whoever guesses as often as is allowed at once finds one with a chance of ${percent} %. Leave the length open, or use more digits.`,
  };
}

/** A session as Plivo shows it: its numbers without `+`, its PIN fields null where PINs are off. */
export function toWire(session: MaskingSession, publicUrl: string) {
  const { settings, history } = session;
  const ifPin = <T>(value: T) => (session.pinRequired ? value : null);
  return {
    first_party: withoutPlus(session.firstParty),
    second_party: withoutPlus(session.secondParty),
    virtual_number: withoutPlus(session.virtualNumber),
    status: statusOf(session),
    initiate_call_to_first_party: settings.initiateCallToFirstParty,
    session_uuid: session.id,
    callback_url: session.callbackUrl,
    callback_method: session.callbackMethod,
    created_time: wireTime(session.createdAt),
    modified_time: wireTime(session.modifiedAt),
    expiry_time: wireTime(session.expiresAt),
    // Between the times as they are shown.
    duration: Math.floor(session.expiresAt.getTime() / 1000) - Math.floor(session.createdAt.getTime() / 1000),
    amount: 0,
    call_time_limit: settings.callTimeLimitSeconds,
    ring_timeout: settings.ringTimeoutSeconds,
    first_party_play_url: settings.firstPartyPlayUrl,
    second_party_play_url: settings.secondPartyPlayUrl,
    record: settings.record,
    record_file_format: settings.recordFormat,
    recording_callback_url: settings.recordingCallbackUrl,
    recording_callback_method: settings.recordingCallbackMethod,
    interaction: interactionsToWire(session, publicUrl),
    total_call_amount: Number(history.amount),
    total_call_count: history.legs,
    total_call_billed_duration: history.billedSeconds,
    // Making a session costs nothing.
    total_session_amount: Number(history.amount),
    last_interaction_time: history.lastInteractionAt === null ? '' : wireTime(history.lastInteractionAt),
    unknown_caller_play: settings.unknownCallerPlayUrl,
    is_pin_authentication_required: session.pinRequired,
    generate_pin: ifPin(settings.generatePin),
    generate_pin_length: ifPin(settings.generatePinLength),
    first_party_pin: session.firstPin,
    second_party_pin: session.secondPin,
    pin_prompt_play: ifPin(settings.pinPromptPlayUrl),
    pin_retry: ifPin(settings.pinRetry),
    pin_retry_wait: ifPin(settings.pinRetryWaitSeconds),
    incorrect_pin_play: ifPin(settings.incorrectPinPlayUrl),
    create_session_with_single_party: settings.singlePartyAsked,
    virtual_number_cooloff_period: session.cooloffSeconds,
    force_pin_authentication: settings.forcePin,
  };
}

function statusOf({ isLive, history }: MaskingSession): 'active' | 'in-progress' | 'expired' {
  if (!isLive) return 'expired';
  return history.isInProgress ? 'in-progress' : 'active';
}

function withoutPlus(phone: string | null): string {
  return phone === null ? '' : phone.slice(1);
}
