import * as z from 'zod';
import { countryOf, type Phone, parsePhone } from '../core/phone.ts';
import { invalid, type Refused } from '../core/problem.ts';
import { findUnstorable } from '../http/body.ts';
import { sessionUuid } from '../http/fields.ts';
import { canonicalBody, createBody, toWish } from '../http/masking-wire.ts';
import { readBy } from '../http/schemas.ts';
import type { ImportWish } from '../service/import-session.ts';

const TIME_RULE = 'should be a time such as 2026-01-31 13:35:51 +0000 UTC';
// Go's way to print a time in UTC. Of some older sessions the name of the zone is its offset once more.
const TIME = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(\.\d+)? \+0000 (?:UTC|\+0000)$/;

const listed = z.looseObject({
  session_uuid: sessionUuid(),
  status: z.string().optional(),
  expiry_time: z
    .string({ error: TIME_RULE })
    .regex(TIME, { error: TIME_RULE })
    .transform((text) => Date.parse(text.replace(TIME, '$1T$2Z'))),
});

// The call to the first party was placed when the session was made, and PINs stay those that were told to people.
const NOT_AGAIN = { initiate_call_to_first_party: false, generate_pin: null, generate_pin_length: null };

/** A session of a list, as it would be made now. */
export type ListedSession =
  | ImportWish
  | { readonly id: string; readonly hasEnded: true }
  | (Refused & { readonly id: string | null });

/** The sessions in what Plivo's list call answers, in its `response` alone, or in a bare array; null for all else. */
export function sessionsIn(json: unknown): readonly unknown[] | null {
  if (Array.isArray(json)) return json;
  const { response, objects } = (json ?? {}) as { response?: unknown; objects?: unknown };
  if (Array.isArray(objects)) return objects;
  return response === undefined ? null : sessionsIn(response);
}

/** What a session of Plivo's is here: the same parties, PINs and settings for the time that it has left. */
export function readListed(object: unknown, now: Date): ListedSession {
  const read = readBy(listed, object);
  if (!('value' in read)) return { id: null, ...invalid(read.field, read.rule) };
  const { session_uuid: id, status, expiry_time: endsAt, ...given } = read.value;
  const secondsLeft = Math.ceil((endsAt - now.getTime()) / 1000);
  if (status === 'expired' || secondsLeft <= 0) return { id, hasEnded: true };
  const unstorable = findUnstorable(given);
  if (unstorable !== null) return { id, problem: unstorable.problem };
  const phones = { first_party: withPlus(given.first_party), second_party: withPlus(given.second_party) };
  const virtualNumber = phoneOf(withPlus(given.virtual_number));
  const geomatch = isOfOneCountry(phoneOf(phones.first_party || phones.second_party), virtualNumber);
  const body = { ...given, ...phones, geomatch, session_expiry: secondsLeft, ...NOT_AGAIN };
  const wish = readBy(createBody, canonicalBody(body));
  return 'value' in wish ? { id, wish: toWish(wish.value), virtualNumber } : { id, ...invalid(wish.field, wish.rule) };
}

/** Plivo lists numbers with their country code and without the `+`, so none of them is a national form. */
function withPlus(value: unknown): unknown {
  return typeof value === 'string' && /^\d+$/.test(value) ? `+${value}` : value;
}

/** What `geomatch` was: no list says so, but where the number is of another country it was off. */
function isOfOneCountry(party: Phone | null, virtualNumber: Phone | null): boolean {
  const [one, other] = [party, virtualNumber].map((phone) => phone && countryOf(phone));
  return one === other || !one || !other;
}

function phoneOf(value: unknown): Phone | null {
  return typeof value === 'string' ? parsePhone(value, { defaultCountry: null, strict: false }) : null;
}
