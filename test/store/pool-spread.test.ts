import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Phone } from '../../src/core/phone.ts';
import { type CreateQuery, loadCreateFacts } from '../../src/store/create-facts.ts';
import { declared, MAIN, makeSession, startService, type TestService } from '../support/service.ts';

// Two blocks of five, and what others took between them: of 5 000 ids, and of the numbers of the account.
const EACH = 5;
const TAKEN = '+12025550002' as Phone;
let service: TestService;
beforeAll(async () => {
  service = await startService({ bootstrap: declared({ us: EACH, tr: 0 }) });
  const { sql } = service.deps.db;
  await sql`
    insert into virtual_numbers (account_id, provider_id, number, country)
    select account_id, provider_id, '+90212556' || lpad(n::text, 4, '0'), 'TR'
    from virtual_numbers, generate_series(1, 400) n where id = (select min(id) from virtual_numbers)`;
  await sql`select setval(pg_get_serial_sequence('virtual_numbers', 'id'), 5000)`;
  await sql`
    insert into virtual_numbers (account_id, provider_id, number, country)
    select account_id, provider_id, '+14155556' || lpad(n::text, 3, '0'), 'US'
    from virtual_numbers, generate_series(1, ${EACH}::int) n where id = (select min(id) from virtual_numbers)`;
});
afterAll(() => service.close());

/** How often each number is the one that is found. */
async function found(
  country: string | null,
  times: number,
  firstParty: Phone | null = null,
): Promise<readonly number[]> {
  const query = {
    ...{ accountId: MAIN.id, number: null, tried: [], most: 1 },
    draft: { country, subaccountId: null, firstParty, secondParty: null, pinRequired: true, singleParty: false },
  } as unknown as CreateQuery;
  const { db, vault } = service.deps;
  const facts = await Promise.all(Array.from({ length: times }, () => loadCreateFacts(db, vault, query)));
  const counts = new Map<string, number>();
  for (const { candidates } of facts) {
    const [only] = candidates;
    if (only) counts.set(only.number, (counts.get(only.number) ?? 0) + 1);
  }
  return [...counts.values()];
}

// Beyond five standard deviations to either side.
it('finds each number of a country as often as any other, wherever there are gaps between them', async () => {
  const counts = await found('US', 1_000);
  expect(counts).toHaveLength(2 * EACH);
  for (const count of counts) expect([count > 50, count < 150], String(counts)).toEqual([true, true]);
});

it('finds each block of a pool as often as it is large', async () => {
  const counts = await found(null, 2_000);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(2_000);
  expect(Math.max(...counts)).toBeLessThan(30);
});

it('finds the one that is left for a party, wherever it began', async () => {
  const { vault, db } = service.deps;
  const { sql } = db;
  const session = await makeSession(service, { first_party: '+12025550003', second_party: '+12025550004' });
  await sql`
    insert into leases (virtual_number_id, party_digest, session_id, side, held_until)
    select id, ${vault.phoneDigest(TAKEN)}, ${session.session_uuid}, 'first', now() + interval '1 hour' from virtual_numbers
    where number <> (select number from virtual_numbers order by id offset 200 limit 1)`;
  expect(await found(null, 300, TAKEN)).toEqual([300]);
});
