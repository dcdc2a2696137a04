import { randomUUID } from 'node:crypto';
import postgres from 'postgres';
import type { Phone } from '../../../src/core/phone.ts';
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

// Of all sessions that are filled in, about so many belong to people who can really call; spread evenly among them.
const REAL = 20_000;
const CHUNK = 50_000;
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
 * Live sessions `from`, counted from 0, up to `to`, evenly on the first `numbers` numbers. Most belong to nobody: their
 * digests and ciphertexts are random bytes of the length that true ones have.
 *
 * With `ends` they are over within a second from then on, which that address is told of; else they live for a day.
 *
 * @returns those who can call.
 */
export async function addSessions(url: string, vault: Vault, wish: Wish): Promise<Party[]> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await sql`
      create temp table numbers as select row_number() over (order by number) - 1 as i, id from virtual_numbers
      where account_id = ${MAIN.id} and number >= ${numberOf(0)} and number < ${numberOf(wish.numbers)}`;
    const parties = await addReal(sql, vault, wish);
    for (let from = wish.from; from < wish.to; from += CHUNK) {
      await addChunk(sql, { ...wish, from, to: Math.min(from + CHUNK, wish.to) });
    }
    return parties;
  } finally {
    await sql.end();
  }
}

/** A table of those sessions that are real, for `addChunk` to look into. */
async function addReal(sql: postgres.Sql, vault: Vault, { from, to, numbers }: Wish): Promise<Party[]> {
  await sql`
    create temp table real (n int primary key, id uuid, first_digest bytea, first_cipher bytea, second_digest bytea,
      second_cipher bytea, pin_digest bytea, pin_cipher bytea)`;
  const parties: Party[] = [];
  const rows: (string | null)[][] = [];
  // Never a multiple of ten, so that some of them have PINs and others not.
  const step = 10 * Math.floor((to - from) / REAL / 10) + 1;
  for (let n = from; n < to; n += step) {
    const id = randomUUID();
    const phone = (area: number) => `+1${area}${String(n).padStart(7, '0')}` as Phone;
    const number = numberOf(n % numbers);
    const pin = n % PIN_EVERY === 0 ? String(100_000 + (n % 900_000)) : null;
    const first = sealParty(vault, id, 'first', phone(505));
    const second = sealParty(vault, id, 'second', phone(606));
    const digest = pin === null ? null : vault.pinDigest(number, pin);
    const cipher = pin === null ? null : vault.seal(pin, sessionSeal('first_pin', id));
    const bytes = [first.digest, first.cipher, second.digest, second.cipher, digest, cipher];
    rows.push([String(n), id, ...bytes.map((one) => one?.toString('hex') ?? null)]);
    parties.push({ from: phone(505), to: number, pin });
  }
  for (let i = 0; i < rows.length; i += CHUNK) {
    await sql`
      insert into real select (r->>0)::int, (r->>1)::uuid, decode(r->>2, 'hex'), decode(r->>3, 'hex'), decode(r->>4, 'hex'),
        decode(r->>5, 'hex'), decode(r->>6, 'hex'), decode(r->>7, 'hex')
      from jsonb_array_elements(${sql.json(rows.slice(i, i + CHUNK))}) r`;
  }
  return parties;
}

async function addChunk(sql: postgres.Sql, { from, to, numbers, ends }: Wish): Promise<void> {
  await sql`
    with chunk as materialized (
      select n, v.id as number, n % ${PIN_EVERY} = 0 as has_pin, coalesce(r.id, gen_random_uuid()) as id,
        coalesce(r.first_digest, uuid_send(gen_random_uuid())) as first_digest, coalesce(r.first_cipher, b.bytes) as first_cipher,
        coalesce(r.second_digest, uuid_send(gen_random_uuid())) as second_digest, coalesce(r.second_cipher, b.bytes) as second_cipher,
        coalesce(r.pin_digest, uuid_send(gen_random_uuid())) as pin_digest,
        coalesce(r.pin_cipher, substring(b.bytes from 1 for 38)) as pin_cipher,
        now() - interval '6 hours' * random() as created_at, coalesce(${ends?.at ?? null}::timestamptz + interval '1 ms' * (n % 1000), now() + interval '1 day') as expires_at
      from generate_series(${from}::int, ${to - 1}::int) n
      join numbers v on v.i = n % ${numbers}
      left join real r using (n)
      cross join lateral (
        select substring(uuid_send(gen_random_uuid()) || sha256(n::text::bytea) from 1 for 44) as bytes) b
    ),
    made as (
      insert into sessions (id, account_id, virtual_number_id, first_party_digest, first_party_cipher, second_party_digest,
        second_party_cipher, pin_required, first_pin_cipher, second_pin_cipher, single_party, cooloff_seconds, callback_url,
        callback_method, has_unknown_caller_play, settings, created_at, modified_at, expires_at)
      select c.id, ${MAIN.id}, number, first_digest, first_cipher, second_digest, second_cipher, has_pin,
        case when has_pin then pin_cipher end, case when has_pin then pin_cipher end, false, 0, ${ends?.callbackUrl ?? ''}, 'POST', false, s.settings,
        created_at, created_at, expires_at
      from chunk c, (select settings from sessions limit 1) s
    ),
    leased as (
      insert into leases (virtual_number_id, party_digest, session_id, side, held_until)
      select number, first_digest, id, 'first', expires_at from chunk
      union all
      select number, second_digest, id, 'second', expires_at from chunk
    )
    insert into pins (virtual_number_id, pin_digest, session_id, side, length, held_until)
    select number, pin_digest, id, 'first', 6, expires_at from chunk where has_pin
    union all
    select number, uuid_send(gen_random_uuid()), id, 'second', 6, expires_at from chunk where has_pin`;
}
