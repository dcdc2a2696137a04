import type postgres from 'postgres';
import type { Phone } from '../../../src/core/phone.ts';
import { invariantFaults } from '../../../src/store/invariants.ts';
import { totalsFaults } from '../../../src/store/invariants-totals.ts';
import type { Vault } from '../../../src/store/vault.ts';
import type { Ledger } from './load.ts';

export interface Judgement {
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: number;
  /** Acknowledged writes that are not there. */
  readonly lost: string[];
  /** What is there or counted more often than it happened. */
  readonly doubled: string[];
  /** Broken invariants: what was done by halves. */
  readonly halves: string[];
}

/** Holds what clients were told against what the database has. Nothing may be under way. */
export async function judge(sql: postgres.Sql, vault: Vault, ledger: Ledger): Promise<Judgement> {
  const lost: string[] = [];
  const doubled: string[] = [];
  const verdicts = [
    ...ledger.calls.flatMap(({ answer, hangup }) => [answer, hangup]),
    ...ledger.creates.map((c) => c.verdict),
  ];
  const count = (verdict: string) => verdicts.filter((each) => each === verdict).length;

  const ids = ledger.calls.map(({ id }) => id);
  const rows = await sql<
    { id: string; session: string | null; outcome: string; over: boolean; billed: number; cost: string }[]
  >`
    select provider_call_id as id, session_id as session, outcome, is_over as over, coalesce(a_billed_seconds, 0) as billed,
      coalesce(a_cost, 0)::text as cost from calls where provider_call_id = any(${ids}::text[])`;
  const stored = new Map(rows.map((row) => [row.id, row]));
  if (rows.length !== stored.size) doubled.push(`${rows.length - stored.size} calls twice`);
  for (const call of ledger.calls) {
    const row = stored.get(call.id);
    if (call.answer === 'acknowledged' && (row?.outcome !== 'connected' || row.session !== call.sessionId)) {
      lost.push(`the answer of ${call.id}: ${JSON.stringify(row)}`);
    }
    if (call.hangup !== 'acknowledged') continue;
    if (row === undefined || row.billed !== call.billed || Number(row.cost) !== Number(call.costA)) {
      lost.push(`the hangup of ${call.id}: ${JSON.stringify(row)}`);
    } else if (row.outcome !== 'orphan' && !row.over) lost.push(`the end of ${call.id}: ${JSON.stringify(row)}`);
  }

  const digests = ledger.creates.map(({ first }) => vault.phoneDigest(first as Phone));
  const sessions = await sql<{ id: string; digest: string; second: string; seconds: number }[]>`
    select id, encode(first_party_digest, 'hex') as digest, encode(second_party_digest, 'hex') as second,
      extract(epoch from expires_at - created_at)::int as seconds
    from sessions where first_party_digest in (select decode(x, 'hex') from unnest(${digests.map((d) => d.toString('hex'))}::text[]) x)`;
  const made = new Map<string, (typeof sessions)[number][]>();
  for (const session of sessions) made.set(session.digest, [...(made.get(session.digest) ?? []), session]);
  for (const create of ledger.creates) {
    const found = made.get(vault.phoneDigest(create.first as Phone).toString('hex')) ?? [];
    if (found.length > 1) doubled.push(`${found.length} sessions of one create`);
    if (create.verdict === 'refused' && found.length > 0) doubled.push('a session that was refused');
    if (create.verdict !== 'acknowledged') continue;
    const isWhole = found.some(
      ({ id, second, seconds }) =>
        id === create.id &&
        second === vault.phoneDigest(create.second as Phone).toString('hex') &&
        seconds === create.expirySeconds,
    );
    if (!isWhole) lost.push(`the session ${create.id}: ${JSON.stringify(found)}`);
  }

  // What sessions and totals count is held against the ledger, call by call, in `counted`.
  const halves = [...(await invariantFaults(sql, { workersLive: true })), ...(await totalsFaults(sql))];
  return {
    acknowledged: count('acknowledged'),
    refused: count('refused'),
    unknown: count('unknown'),
    lost,
    doubled,
    halves,
  };
}

/** Legs, billed seconds and money (in hundred thousandths) of these sessions, as the service has counted them. */
export async function counted(sql: postgres.Sql, sessionIds: readonly string[]): Promise<readonly number[]> {
  const [row] = await sql<{ legs: number; billed: number; amount: number }[]>`
    select sum(total_calls)::int as legs, sum(total_billed_seconds)::int as billed,
      (sum(total_amount) * 100000)::bigint::int as amount
    from sessions where id = any(${[...sessionIds]}::uuid[])`;
  return row ? [row.legs, row.billed, row.amount] : [];
}

/** The same, as it should be: every call that was hung up and is not an orphan, once. */
export async function expectedCount(sql: postgres.Sql, ledger: Ledger): Promise<readonly number[]> {
  const rows = await sql<{ id: string }[]>`
    select provider_call_id as id from calls where session_id is not null and provider_call_id = any(${ledger.calls.map(({ id }) => id)}::text[])`;
  const known = new Set(rows.map(({ id }) => id));
  const calls = ledger.calls.filter(({ id, hangup }) => hangup === 'acknowledged' && known.has(id));
  return calls.reduce(
    ([legs = 0, billed = 0, amount = 0], call) => [
      legs + 1,
      billed + call.billed,
      amount + Math.round(Number(call.costA) * 100_000),
    ],
    [0, 0, 0],
  );
}
