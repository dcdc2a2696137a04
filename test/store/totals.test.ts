import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import postgres from 'postgres';
import { beforeAll, describe, expect, it } from 'vitest';
import { GROUPINGS, type Grouping, type HourRange, moneyText, type Sums } from '../../src/core/totals.ts';
import { connect, type Db, disconnect } from '../../src/store/connect.ts';
import { foldTallies } from '../../src/store/tallies.ts';
import { readTotals } from '../../src/store/totals.ts';
import { TOTALS_RULES } from '../../src/store/totals-check.ts';
import { freshDatabase } from '../database.ts';
import { addUp, groupUp, type Happened, type TallyPlace } from '../support/tallied.ts';
import { connectedCall, HOUR, happenings, tally } from '../support/tallying.ts';

const SUB = 'SAAAAAAAAAAAAAAAAAAA';
const START = new Date('2026-01-29T05:00:00Z');
const HOURS = 24 * 35;
const ALL = { from: START, to: new Date(START.getTime() + HOURS * HOUR) };

let instances: readonly [Db, Db];
let sql: postgres.Sql;
beforeAll(async () => {
  const database = await freshDatabase();
  const options = { connections: 2, statementTimeoutMs: 10_000 };
  instances = [connect(database.url, options), connect(database.url, options)];
  sql = postgres(database.url, { max: 2, onnotice: () => {} });
  return async () => {
    for (const db of instances) await disconnect(db, 1);
    await sql.end();
    await database.drop();
  };
});

/** An account of its own with four numbers, of two countries and two providers. */
async function somewhere(): Promise<TallyPlace> {
  const account = `MA${randomBytes(9).toString('hex').toUpperCase()}`;
  const providers = ['plivo', 'hipcall'].map((dialect) => {
    return { key_digest: randomBytes(32), account_id: account, dialect, secrets_cipher: Buffer.alloc(1) };
  });
  const [plivo, hipcall] = await sql<{ id: number }[]>`insert into providers ${sql(providers)} returning id`;
  const numbers = ['US', 'US', 'TR', 'TR'].map((country) => {
    const number = `+${1_000_000_000 + randomBytes(4).readUInt32BE()}`;
    return { number, country, account_id: account, provider_id: (country === 'US' ? plivo : hipcall)?.id ?? 0 };
  });
  const rows = await sql<TallyPlace['numbers']>`
    insert into virtual_numbers ${sql(numbers)} returning id, number, country, provider_id as provider`;
  return { account, numbers: [...rows] };
}

async function read(place: TallyPlace, range: HourRange, grouping: Grouping, subaccountId: string | null = null) {
  const scope = { accountId: place.account, subaccountId };
  const question = { scope, range, grouping, page: { limit: 1000, offset: 0 } };
  const { total, groups } = await readTotals(instances[0], question);
  const shown = ({ amounts, ...sums }: Sums) => {
    return { ...sums, amounts: Object.fromEntries(Object.entries(amounts).map(([c, sum]) => [c, moneyText(sum)])) };
  };
  return { total: shown(total), groups: groups.map(({ key, sums }) => ({ key, sums: shown(sums) })) };
}

async function expectRight(place: TallyPlace, happened: Happened, range: HourRange, groupings: readonly Grouping[]) {
  const own = <T extends { subaccount: string }>(things: readonly T[]) => things.filter((t) => t.subaccount === SUB);
  const ofSub = { calls: own(happened.calls), sessions: own(happened.sessions) };
  for (const grouping of groupings) {
    for (const [part, subaccount] of [[happened, null] as const, [ofSub, SUB] as const]) {
      const truth = { total: addUp(part, range), groups: groupUp(part, grouping, range, place) };
      expect(await read(place, range, grouping, subaccount), grouping).toEqual(truth);
    }
  }
}

const foldedBy = async (limit: number) => {
  const counts = await Promise.all(instances.map((db) => foldTallies(db, limit)));
  return counts.reduce((a, b) => a + b, 0);
};

async function foldAll(limit: number): Promise<number> {
  for (let total = 0; ; ) {
    const folded = await foldedBy(limit);
    total += folded;
    if (folded === 0) return total;
  }
}

/** Without the rule on sessions, of which these tests have none. */
async function faults(): Promise<string[]> {
  const rule = Object.keys(TOTALS_RULES).find((name) => name.includes('dimension')) ?? '';
  return (await sql.unsafe<{ id: string }[]>(TOTALS_RULES[rule] ?? '')).map(({ id }) => id);
}

describe('totals', () => {
  it('are what happened, added up one by one: by every group, folded or not, for account and subaccount', async () => {
    const ranges = fc.tuple(fc.nat(HOURS - 1), fc.integer({ min: 1, max: HOURS })).map(([a, n]) => ({
      from: new Date(START.getTime() + a * HOUR),
      to: new Date(START.getTime() + (a + n) * HOUR),
    }));
    const scenario = fc.asyncProperty(
      happenings(START, HOURS, 4, SUB),
      ranges,
      fc.subarray([...GROUPINGS], { minLength: 3, maxLength: 3 }),
      fc.integer({ min: 1, max: 80 }),
      async (happened, range, groupings, limit) => {
        const place = await somewhere();
        const written = await tally(sql, place, happened);
        await expectRight(place, happened, range, groupings);
        const first = await foldedBy(limit);
        await expectRight(place, happened, range, groupings);
        expect(first + (await foldAll(limit))).toBe(written);
        expect(await sql`select from tallies`).toHaveLength(0);
        await expectRight(place, happened, range, groupings);
      },
    );
    await fc.assert(scenario, { numRuns: 12 });
    expect(await faults()).toEqual([]);
  });

  it('have each tally once when two instances fold and others still write', async () => {
    const place = await somewhere();
    const [happened] = fc.sample(happenings(START, HOURS, 4, SUB), { numRuns: 1, seed: 7 });
    if (!happened) throw new Error('nothing happened');
    let written = 0;
    const writing = (async () => {
      for (let left = 12; left > 0; left--) written += await tally(sql, place, { ...happened, calls: happened.calls });
    })();
    let isOver = false;
    void writing.then(() => {
      isOver = true;
    });
    let folded = 0;
    while (!isOver) folded += await foldedBy(37);
    await writing;
    folded += await foldAll(37);
    expect(folded).toBe(written);
    const many = { calls: Array(12).fill(happened.calls).flat(), sessions: Array(12).fill(happened.sessions).flat() };
    await expectRight(place, many, ALL, ['none', 'status', 'virtual_number']);
    expect(await faults()).toEqual([]);
  });

  it('are those of one moment: a tally that is being folded is never missing, and never there twice', async () => {
    const place = await somewhere();
    const rows = Array.from({ length: 400 }, () => {
      return {
        account_id: place.account,
        subaccount_id: '',
        virtual_number_id: place.numbers[0]?.id ?? 0,
        hour: START,
        offered: 1,
      };
    });
    await sql`insert into tallies ${sql(rows)}`;
    let isOver = false;
    const folding = (async () => {
      while ((await foldTallies(instances[1], 10)) > 0);
      isOver = true;
    })();
    const seen = new Set<number>();
    while (!isOver) seen.add((await read(place, ALL, 'virtual_number')).total.offered);
    await folding;
    expect([...seen]).toEqual([400]);
  });

  it('of a number do not mind calls of its former owner, nor reports without a call', async () => {
    const place = await somewhere();
    const id = place.numbers[0]?.id ?? 0;
    const common = { subaccount: '', number: 0, hour: START, hangupCode: 4000, refusal: '', currency: 'USD' };
    const figures = { millis: 5, billedSeconds: 60, pinSuccesses: 0, pinFailures: 0, changes: 0 };
    const calls = [7, 9].map((talkSeconds) => ({ ...common, ...figures, status: 'connected' as const, talkSeconds }));
    await tally(sql, place, { calls, sessions: [] });
    const at = { account_id: place.account, virtual_number_id: id, provider_id: place.numbers[0]?.provider ?? 0 };
    const former = { ...at, account_id: 'MAZZZZZZZZZZZZZZZZZZ' };
    await sql`insert into calls ${sql([connectedCall(former, START, 3000), connectedCall(at, START, 4000, 'orphan')])}`;
    const { groups } = await read(place, ALL, 'virtual_number');
    expect(groups).toMatchObject([{ key: String(id), sums: { lengthP95: 9, talkSeconds: 16, connected: 2 } }]);
  });

  const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
  it.each([
    ...[1, 19, 20, 21, 40, 100, 400].map((count) => [upTo(count), Math.ceil((count * 19) / 20)] as const),
    // The last that counts is the last of its minute, or the first of one.
    [[...Array<number>(19).fill(59), 300], 59] as const,
    [[...Array<number>(18).fill(59), 60, 60], 60] as const,
    [[0, 0, 0], 0] as const,
    [[86_400], 86_400] as const,
  ])('of calls of %j seconds tell the length that 95 in a hundred do not exceed', async (lengths, p95) => {
    const place = await somewhere();
    const common = { subaccount: '', number: 0, hour: START, hangupCode: 4000, refusal: '', currency: 'USD' };
    const figures = { millis: 5, billedSeconds: 60, pinSuccesses: 0, pinFailures: 0, changes: 0 };
    const calls = lengths.map((talkSeconds) => ({ ...common, ...figures, status: 'connected' as const, talkSeconds }));
    await tally(sql, place, { calls, sessions: [] });
    for (const _ of ['before', 'after it was folded']) {
      const { total, groups } = await read(place, ALL, 'virtual_number');
      expect([total.lengthP95, groups[0]?.sums.lengthP95]).toEqual([p95, p95]);
      await foldAll(1000);
    }
  });

  it('are folded by one instance at a time: the other does not wait for it', async () => {
    const place = await somewhere();
    const row = {
      account_id: place.account,
      subaccount_id: '',
      virtual_number_id: place.numbers[0]?.id ?? 0,
      hour: START,
    };
    await foldAll(1000);
    await sql`insert into tallies ${sql({ ...row, offered: 1 })}`;
    const other = await sql.reserve();
    await other`select pg_advisory_lock(7202612)`;
    const folded = await foldTallies(instances[0], 10);
    await other`select pg_advisory_unlock(7202612)`;
    other.release();
    expect(folded).toBe(0);
    expect(await foldTallies(instances[0], 10)).toBe(1);
  });

  it('come by page, and say how many groups there are', async () => {
    const place = await somewhere();
    const rows = place.numbers.map(({ id }, i) => {
      return { account_id: place.account, subaccount_id: '', virtual_number_id: id, hour: START, offered: i + 1 };
    });
    await sql`insert into tallies ${sql(rows)}`;
    const scope = { accountId: place.account, subaccountId: null };
    const page = (limit: number, offset: number) =>
      readTotals(instances[0], { scope, range: ALL, grouping: 'virtual_number', page: { limit, offset } });
    const inOrder = place.numbers.map(({ number }) => number).sort();
    for (const offset of [0, 1, 3]) {
      const { groups, groupCount, total } = await page(2, offset);
      expect(groups.map(({ number }) => number)).toEqual(inOrder.slice(offset, offset + 2));
      expect([groupCount, total.offered]).toEqual([4, 10]);
    }
    expect(await page(2, 4)).toMatchObject({ groups: [], groupCount: 4, total: { offered: 10 } });
  });
});
