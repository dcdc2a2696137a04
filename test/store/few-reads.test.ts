import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Phone } from '../../src/core/phone.ts';
import { type CallQuery, loadCall } from '../../src/store/call-facts.ts';
import { connect, type Db, disconnect } from '../../src/store/connect.ts';
import { type CreateQuery, loadCreateFacts } from '../../src/store/create-facts.ts';
import { countedEntries } from '../support/reads.ts';
import { declared, MAIN, makeSession, OTHER, startService, type TestService } from '../support/service.ts';

// Of each kind; and how many entries of all indexes a single one of them may read.
const TIMES = 20;
const FEW = 40;
const MANY = 2_000;
const CALLER = '+12025550000' as Phone;
const STRANGER = '+12025559999' as Phone;

let service: TestService;
let sql: postgres.Sql;
// As the service's own, which plan their statements while there is next to nothing.
let db: Db;
let number: Phone;
const TABLES = ['virtual_numbers', 'sessions', 'leases', 'pins', 'calls'];

beforeAll(async () => {
  service = await startService({ bootstrap: declared({ us: 1, tr: 0 }) });
  sql = postgres(service.databaseUrl, { max: 1, onnotice: () => {} });
  const made = await makeSession(service, { first_party: CALLER, second_party: '+12025550001' });
  number = made.virtual_number as Phone;
  db = connect(service.databaseUrl, {
    ...{ connections: 1, statementTimeoutMs: 5_000, isByIndex: true, isPlannedOnce: true },
  });
  await answers(CALLER);
  await creates(number);
  await creates(null);
  await fill();
}, 60_000);
afterAll(async () => {
  await sql.end();
  await disconnect(db, 1);
  await service.close();
});

/** On the one number, with PINs: as many sessions that live, and as many that are over, whose PINs are shorter. */
async function fill(): Promise<void> {
  await sql`
    with made as (
      insert into sessions (id, account_id, virtual_number_id, first_party_digest, second_party_digest, pin_required,
        first_pin_cipher, second_pin_cipher, single_party, cooloff_seconds, callback_url, callback_method,
        has_unknown_caller_play, settings, created_at, modified_at, expires_at, ended_at)
      select gen_random_uuid(), account_id, virtual_number_id, sha256(n::text::bytea), sha256((-n)::text::bytea), true,
        '', '', false, 0, '', 'POST', true, settings, now(), now(),
        case when n % 2 = 0 then now() - interval '1 minute' else now() + interval '1 hour' end,
        case when n % 2 = 0 then now() - interval '1 minute' end
      from sessions, generate_series(1, ${2 * MANY}::int) n returning *
    ),
    leased as (
      insert into leases (virtual_number_id, party_digest, session_id, side, held_until)
      select virtual_number_id, first_party_digest, id, 'first', expires_at from made
    )
    insert into pins (virtual_number_id, pin_digest, session_id, side, length, held_until)
    select virtual_number_id, first_party_digest, id, 'first', case when ended_at is null then 8 else 5 end, expires_at
    from made`;
  await sql`
    insert into virtual_numbers (account_id, provider_id, number, country)
    select account_id, provider_id, '+1415556' || lpad(n::text, 4, '0'), 'US'
    from virtual_numbers, generate_series(1, ${MANY}::int) n where number = ${number}`;
  // And as many of another account where somebody takes any caller, all by one digest.
  await sql`
    with opened as (
      insert into virtual_numbers (account_id, provider_id, number, country)
      select ${OTHER.id}, provider_id, '+90212556' || lpad(n::text, 4, '0'), 'TR'
      from virtual_numbers, generate_series(1, ${MANY}::int) n where number = ${number} returning id
    )
    insert into leases (virtual_number_id, party_digest, session_id, side, held_until)
    select opened.id, ${service.deps.vault.anyoneDigest}, s.id, 'second', now() + interval '1 hour'
    from opened, (select id from sessions limit 1) s`;
}

async function answers(caller: Phone) {
  const query = { providerId: 1, accountId: MAIN.id, caller, virtualNumber: number, pin: null } as const;
  const [last] = await inTurn((i) =>
    loadCall(db, service.deps.vault, { ...query, providerCallId: `few-${i}`, direction: 'inbound' } as CallQuery),
  );
  return last?.facts;
}

async function creates(wished: Phone | null) {
  const query = {
    ...{ accountId: MAIN.id, number: wished, tried: [], most: 1 },
    draft: {
      country: 'US',
      subaccountId: null,
      firstParty: STRANGER,
      secondParty: null,
      pinRequired: true,
      singleParty: false,
    },
  } as unknown as CreateQuery;
  const [last] = await inTurn(() => loadCreateFacts(db, service.deps.vault, query));
  return last?.candidates;
}

async function inTurn<T>(load: (i: number) => Promise<T>): Promise<T[]> {
  const loaded: T[] = [];
  for (let i = 0; i < TIMES; i++) loaded.unshift(await load(i));
  return loaded;
}

/** How many entries each of these reads on average. */
async function read(work: () => Promise<unknown>, tables: readonly string[] = TABLES): Promise<number> {
  const entries = async () => {
    // Of the connection that reads; what it has planned stays planned.
    await db.sql`select pg_stat_force_next_flush()`;
    return countedEntries(sql, ...tables);
  };
  const before = await entries();
  await work();
  return ((await entries()) - before) / TIMES;
}

describe.each(['as it was planned while there was next to nothing', 'once that is counted'])('%s', (when) => {
  beforeAll(async () => {
    if (when === 'once that is counted') await sql`vacuum analyze`;
  });

  it.each([CALLER, STRANGER])(
    '%s is answered from few rows, however many sessions with PINs the number has or had',
    async (caller) => {
      const entries = await read(async () => {
        const facts = await answers(caller);
        expect(facts?.known === null).toBe(caller === STRANGER);
        expect(facts?.pinLengths).toEqual({ min: 8, max: 8 });
        expect(facts?.asker).not.toBeNull();
      });
      expect(entries).toBeLessThan(FEW);
    },
  );

  it('a call is looked up by what makes it unique', async () => {
    const scans = async () => {
      await db.sql`select pg_stat_force_next_flush()`;
      const [row] = await sql<{ scans: number }[]>`
        select idx_scan::int as scans from pg_stat_user_indexes where indexrelname = 'calls_once'`;
      return row?.scans ?? 0;
    };
    const before = await scans();
    await answers(CALLER);
    expect(await scans()).toBe(before + TIMES);
  });

  it('a number is found from few rows, however many the pool has', async () => {
    const entries = await read(async () => {
      expect(await creates(null)).toHaveLength(1);
    });
    expect(entries).toBeLessThan(FEW);
  });

  it('PINs of sessions that are over are not counted through', async () => {
    const entries = await read(async () => {
      expect(await creates(number)).toMatchObject([{ livingPins: { 8: MANY } }]);
    }, ['pins']);
    expect(entries).toBeLessThan(MANY + FEW);
  });
});
