import type { Phone } from '../../../src/core/phone.ts';
import { MAIN } from '../../support/service.ts';
import type { Party } from './fill.ts';
import { rounded } from './rows.ts';
import { CONNECTIONS, DIAL, type World } from './world.ts';

const phones = (area: number, count: number) =>
  Array.from({ length: count }, (_, i) => `+1${area}${String(i).padStart(7, '0')}` as Phone);

/** Creates for parties that hold nine of ten numbers already, beside those for parties that hold none. */
export async function fullPool(world: World): Promise<void> {
  const { sql } = world.house;
  const crowded = phones(707, 100);
  const digests = crowded.map((phone) => world.vault.phoneDigest(phone).toString('hex'));
  await sql`
    insert into leases (virtual_number_id, party_digest, session_id, side, held_until)
    select v.id, decode(h, 'hex'), s.id, 'first', now() + interval '1 day'
    from unnest(${digests}::text[]) h, virtual_numbers v, (select id from sessions where ended_at is null limit 1) s
    where v.account_id = ${MAIN.id} and random() < 0.9`;
  await sql`vacuum analyze leases`.simple();
  const { empty, full } = await world.taking(
    {
      empty: () => world.createTurn('empty', phones(708, 100)),
      full: () => world.createTurn('full', crowded),
    },
    { isWarm: true },
  );
  await sql`delete from leases where party_digest in (select decode(h, 'hex') from unnest(${digests}::text[]) h)`;
  world.add({
    what: `Create with 90 % of ${rounded(world.numbers)} numbers taken for its party, of that with none`,
    figure: full / empty,
    unit: 'ratio',
    target: { atLeast: 0.7 },
    how: `${rounded(full)} of ${rounded(empty)} a second, 100 parties`,
  });
}

/** Callers who have fifty live sessions, each on another number, beside those who have one. */
export async function busyParties(world: World): Promise<void> {
  const { sql, port } = world.house;
  const each = 50;
  // More than are created at once, so that none of them waits for itself.
  const firsts = phones(709, 80);
  const count = firsts.length * each;
  const make = { ...world.creates(), firsts, wish: {} };
  const run = { port, make, count, connections: CONNECTIONS, keep: count, expect: { status: 201 } };
  const { kept } = await world.generator.run(run);
  const made = kept.map((text) => JSON.parse(text) as { virtual_number: string; session: { first_party: string } });
  const busy = made.map(({ virtual_number: to, session }): Party => {
    return { from: withPlus(session.first_party), to: withPlus(to), pin: null };
  });
  const answers = async (what: string, parties?: readonly Party[]) => {
    const make = world.webhooks('answer', parties && { parties });
    return (await world.turn(what, { port, make, connections: CONNECTIONS, expect: DIAL })).rate;
  };
  const { one, fifty } = await world.taking(
    { one: () => answers('one'), fifty: () => answers('fifty', busy) },
    { isWarm: true },
  );
  await sql`delete from sessions where first_party_digest in ${sql(firsts.map((phone) => world.vault.phoneDigest(phone)))}`;
  world.add({
    what: `Answer to a party with ${each} live sessions, of that to one with one`,
    figure: fifty / one,
    unit: 'ratio',
    target: { atLeast: 0.5 },
    how: `${rounded(fifty)} of ${rounded(one)} a second`,
  });
}

const withPlus = (phone: string) => `+${phone.replace('+', '')}`;
