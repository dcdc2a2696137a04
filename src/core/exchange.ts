import type { Reason } from './reasons.ts';

/** One exchange with a telephony provider, as an operator may follow it; phones are in its fields and document. */
export interface Exchange {
  readonly at: Date;
  readonly accountId: string;
  readonly providerId: number;
  /** `answer`, `hangup` and so on. */
  readonly webhook: string;
  /** The provider's id; null where the request names no call. */
  readonly callId: string | null;
  readonly virtualNumber: string | null;
  readonly status: number;
  /** What was decided, in words; never digits or phones. */
  readonly decision: string;
  readonly milliseconds: number;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly document: string;
}

// What each reason of a decision means to somebody who reads the log: shorter than its sentence, and of nobody.
const DECISIONS: Readonly<Record<Exclude<Reason, 'never_asked' | 'placed' | `place_${string}`>, string>> = {
  known_caller: 'known caller, connected',
  open_session: 'any caller is taken here, connected',
  pin_accepted: 'right PIN, connected',
  pin_asked: 'asked for the PIN',
  pin_wrong: 'wrong PIN, asked again',
  pin_suspended: 'a PIN after too many wrong ones here, not looked up, asked again',
  pin_failed: 'wrong PIN at the last try, sent off',
  unknown_caller: 'unknown caller, refused',
  caller_unproved: 'a number that proves nothing and no PIN that could, refused',
  caller_not_attested: 'a number that the provider does not vouch for, refused',
  unknown_number: 'no number of ours, refused',
  session_ended: 'the session has ended, refused',
  nobody_to_call: 'nobody to connect to, refused',
  self_call: 'would be connected to themself, refused',
  destination_denied: 'to a phone that the policy forbids, refused',
  calls_disabled: 'calls are switched off, refused',
  spend_reached: 'the money of the day is spent, refused',
  session_now: 'as many calls of the session as may be at once, refused',
  session_hour: 'as many calls of the session as may be in an hour, refused',
  number_now: 'as many calls on the number as may be at once, refused',
  number_hour: 'as many calls on the number as may be in an hour, refused',
  account_now: 'as many calls of the account as may be at once, refused',
  account_hour: 'as many calls of the account as may be in an hour, refused',
  asked_again: 'refused before, refused again',
  late: 'nobody waited for the answer any more',
  contended: 'asked too many times at once, sent off with an apology',
};

// The same for what is no decision.
const OTHERS: Readonly<Record<string, string>> = {
  apology: 'could not be decided in time, sent off with an apology',
  booked: 'booked on its call',
  repeated: 'known already, nothing new',
  orphan: 'of a call that was never asked about, kept aside',
  ignored: 'nothing to book in it',
  unavailable: 'could not be booked, the provider is to report it again',
  callee_play: 'what the callee hears after answering',
};

const IN_WORDS: ReadonlyMap<string, string> = new Map(Object.entries({ ...DECISIONS, ...OTHERS }));

/** A reason with its meaning, such as `pin_wrong: wrong PIN, asked again`. */
export function inWords(reason: string): string {
  const words = IN_WORDS.get(reason);
  return words === undefined ? reason : `${reason}: ${words}`;
}

// Names under which callers' keys arrive, in any dialect.
const KEYED = /digit|dtmf|(?:^|_)pin/i;
// Fewer than this also stand in fields that nobody keyed.
const LEAST_TELLING = 4;

/**
 * A request's fields as the log keeps them: whatever was keyed is there as its count alone, also where the provider
 * repeats it in other fields, and where somebody put it behind another value.
 */
export function loggedFields(webhook: string, fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  // Hipcall sends all that was keyed in `data`, under names of our choice; in its events that is the call itself.
  const isKeyed = (name: string) => KEYED.test(name) || (name === 'data' && webhook !== 'events');
  const telling = new Set<string>();
  noteKeyed(fields, isKeyed, false, telling);
  return withoutKeyed(fields, isKeyed, telling) as Record<string, unknown>;
}

function noteKeyed(value: unknown, isKeyed: (name: string) => boolean, wasKeyed: boolean, telling: Set<string>): void {
  if (isNested(value)) {
    for (const name in value) noteKeyed(value[name], isKeyed, wasKeyed || isKeyed(name), telling);
  } else if (wasKeyed && String(value).length >= LEAST_TELLING) {
    telling.add(String(value));
  }
}

function withoutKeyed(value: unknown, isKeyed: (name: string) => boolean, telling: ReadonlySet<string>): unknown {
  if (isNested(value)) {
    if (Array.isArray(value)) return value.map((item) => withoutKeyed(item, isKeyed, telling));
    const rest: Record<string, unknown> = {};
    for (const name in value) {
      rest[name] = isKeyed(name) ? counted(value[name]) : withoutKeyed(value[name], isKeyed, telling);
    }
    return rest;
  }
  if (telling.has(String(value))) return counted(value);
  return typeof value === 'string'
    ? value.replace(/(digits\W{0,3})([\d*#]+)/gi, (_, name, keys) => name + counted(keys))
    : value;
}

function isNested(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function counted(keyed: unknown): unknown {
  if (isNested(keyed)) {
    if (Array.isArray(keyed)) return keyed.map(counted);
    return Object.fromEntries(Object.entries(keyed).map(([name, item]) => [name, counted(item)]));
  }
  if (typeof keyed !== 'string' && typeof keyed !== 'number') return keyed === null ? 'nothing' : 'something';
  const { length } = String(keyed);
  return length === 1 ? '1 digit' : `${length} digits`;
}

/** The provider's id of the call that a request is about; null where it names none. */
export function callOfFields({ CallUUID, uuid, data }: Readonly<Record<string, unknown>>): string | null {
  const named = CallUUID ?? uuid ?? (data as { uuid?: unknown } | null | undefined)?.uuid;
  return typeof named === 'string' && /^[\w-]{1,64}$/.test(named) ? named : null;
}
