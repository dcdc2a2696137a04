import postgres from 'postgres';
import type { Phone } from '../../../src/core/phone.ts';
import { newUuid } from '../../../src/ids.ts';
import { sealParty, sessionSeal } from '../../../src/store/session-rows.ts';
import type { Vault } from '../../../src/store/vault.ts';
import { MAIN } from '../../support/service.ts';

/** Somebody who can call a number: who is known there by their phone, or by their PIN. */
export interface Party {
  readonly from: string;
  readonly to: string;
  readonly pin: string | null;
}

interface Wish {
  readonly from: number;
  readonly to: number;
  readonly numbers: number;
  readonly ends?: { readonly at: Date; readonly callbackUrl: string };
}

// Of all sessions that are filled in, about so many are called, spread evenly among them.
const CALLED = 20_000;
const CHUNK = 20_000;
// Of ten sessions one has PINs.
const PIN_EVERY = 10;

const numberOf = (i: number): Phone => `+1415${2_000_000 + i}` as Phone;

/** Virtual numbers `from`, counted from 0, up to `to`. */
export async function addNumbers(sql: postgres.Sql, from: number, to: number): Promise<void> {
  await sql`
    insert into virtual_numbers (number, account_id, provider_id, country)
    select '+1415' || (2000000 + n), ${MAIN.id}, (select min(id) from providers), 'US'
    from generate_series(${from}::int, ${to - 1}::int) n`;
}

/**
 * Live sessions `from`, counted from 0, up to `to`, evenly on the first `numbers` numbers; each as the service would
 * have made it.
 *
 * With `ends` they are over within a second from then on, which that address is told of; else they live for a day.
 *
 * @returns some who can call.
 */
export async function addSessions(url: string, vault: Vault, wish: Wish): Promise<Party[]> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await sql`
      create temp table numbers as select row_number() over (order by number) - 1 as i, id from virtual_numbers
      where account_id = ${MAIN.id} and number >= ${numberOf(0)} and number < ${numberOf(wish.numbers)}`;
    for (let from = wish.from; from < wish.to; from += CHUNK) {
      await addChunk(sql, vault, { ...wish, from, to: Math.min(from + CHUNK, wish.to) });
    }
    // Never a multiple of ten, so that some of them have PINs and others not.
    const step = 10 * Math.floor((wish.to - wish.from) / CALLED / 10) + 1;
    const called = Array.from({ length: Math.ceil((wish.to - wish.from) / step) }, (_, i) => wish.from + i * step);
    return called.map((n) => ({ from: phone(505, n), to: numberOf(n % wish.numbers), pin: pinOf(n) }));
  } finally {
    await sql.end();
  }
}

const phone = (area: number, n: number) => `+1${area}${String(n).padStart(7, '0')}` as Phone;

// Of seven digits, and another one for each of some millions.
const pinOf = (n: number) => (n % PIN_EVERY === 0 ? String(1_000_000 + n) : null);

/** A session's digests and ciphertexts. */
function sealed(vault: Vault, n: number, numbers: number) {
  const id = newUuid();
  const [first, second] = [sealParty(vault, id, 'first', phone(505, n)), sealParty(vault, id, 'second', phone(606, n))];
  const pin = pinOf(n);
  const pins = (['first', 'second'] as const).flatMap((side) => {
    if (pin === null) return [];
    // The second party's PIN is longer, and so another one.
    const text = side === 'first' ? pin : `9${pin}`;
    return [vault.pinDigest(numberOf(n % numbers), text), vault.seal(text, sessionSeal(`${side}_pin`, id))];
  });
  const bytes = [first.digest, first.cipher, second.digest, second.cipher, ...pins];
  return [n, id, ...bytes.map((one) => one?.toString('hex'))];
}

async function addChunk(sql: postgres.Sql, vault: Vault, { from, to, numbers, ends }: Wish): Promise<void> {
  const rows = Array.from({ length: to - from }, (_, i) => sealed(vault, from + i, numbers));
  await sql`
    with chunk as materialized (
      select v.id as number, (r->>1)::uuid as id, decode(r->>2, 'hex') as first_digest, decode(r->>3, 'hex') as first_cipher,
        decode(r->>4, 'hex') as second_digest, decode(r->>5, 'hex') as second_cipher,
        decode(r->>6, 'hex') as first_pin_digest, decode(r->>7, 'hex') as first_pin_cipher,
        decode(r->>8, 'hex') as second_pin_digest, decode(r->>9, 'hex') as second_pin_cipher,
        now() - interval '6 hours' * random() as created_at,
        coalesce(${ends?.at ?? null}::timestamptz + interval '1 ms' * ((r->>0)::int % 1000), now() + interval '1 day') as expires_at
      from jsonb_array_elements(${JSON.stringify(rows)}::text::jsonb) r
      join numbers v on v.i = (r->>0)::int % ${numbers}
    ),
    made as (
      insert into sessions (id, account_id, virtual_number_id, first_party_digest, first_party_cipher, second_party_digest,
        second_party_cipher, pin_required, first_pin_cipher, second_pin_cipher, single_party, cooloff_seconds, callback_url,
        callback_method, has_unknown_caller_play, settings, created_at, modified_at, expires_at)
      select c.id, ${MAIN.id}, number, first_digest, first_cipher, second_digest, second_cipher, first_pin_cipher is not null,
        first_pin_cipher, second_pin_cipher, false, 0, ${ends?.callbackUrl ?? ''}, 'POST', false, s.settings, created_at,
        created_at, expires_at
      from chunk c, (select settings from sessions limit 1) s
    ),
    leased as (
      insert into leases (virtual_number_id, party_digest, session_id, side, held_until)
      select number, first_digest, id, 'first', expires_at from chunk
      union all
      select number, second_digest, id, 'second', expires_at from chunk
    )
    insert into pins (virtual_number_id, pin_digest, session_id, side, length, held_until)
    select number, first_pin_digest, id, 'first', 7, expires_at from chunk where first_pin_digest is not null
    union all
    select number, second_pin_digest, id, 'second', 8, expires_at from chunk where second_pin_digest is not null`;
}
