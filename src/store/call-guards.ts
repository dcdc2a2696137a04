import type postgres from 'postgres';
import { type Bar, type CallFacts, type CallStep, isCap } from '../core/call-facts.ts';
import { CALLER_BUDGET, costSeconds, NUMBER_BUDGET, spendableUntil } from '../core/pin-budget.ts';
import { type Db, sqlState } from './connect.ts';
import { type GuardsRow, toPolicy } from './policies.ts';
import { bytes } from './shared.ts';
import type { Vault } from './vault.ts';

// What a call is guarded by: the account's policy and limits, and the budgets of wrong PINs.

// All who withhold their number share a budget, as all who forge one share that of the virtual number.
const WITHHELD = Buffer.alloc(16);

/**
 * Part of a read with a CTE `n (id)`, the virtual number: whose budget of wrong PINs is used up there.
 *
 * @param caller a fragment for the caller's digest, null where the number is withheld.
 */
export function selectPinSpent(sql: postgres.Sql, vault: Vault, caller: postgres.Fragment) {
  const isSpent = (digest: postgres.Fragment, budget: typeof CALLER_BUDGET) => sql`exists (
    select from pin_budgets b where b.virtual_number_id = n.id and b.caller_digest = ${digest}
      and b.full_at > now() + make_interval(secs => ${spendableUntil(budget)}))`;
  return sql`jsonb_build_object('byCaller', ${isSpent(sql`coalesce(${caller}, ${WITHHELD}::bytea)`, CALLER_BUDGET)},
    'onNumber', ${isSpent(sql`${vault.anyoneDigest}`, NUMBER_BUDGET)})`;
}

/** Columns of a step's wish: upon which budgets its guess counts, and how. */
export const GUESS_TYPES = 'guess_own bytea, guess_count int, guess_right boolean';

/** The same columns of one step; the caller's digest is null where the number is withheld. */
export function guessWish(callerDigest: Buffer | null, guess: CallStep['guess']) {
  return {
    guess_own: guess && bytes(callerDigest ?? WITHHELD),
    // Its caller's own, and that of all strangers on the number.
    guess_count: guess === null ? 0 : guess.countsOnNumber ? 2 : 1,
    guess_right: guess?.isRight ?? false,
  };
}

/**
 * Part of a statement with CTEs `wish` and `after` (the calls recorded, no two of one caller on one number): guesses
 * count upon their budgets, as CTE `spent` with a row for each budget that allowed all of its guesses. Guesses that
 * arrive together take turns at these rows, so that no more of them are looked up than are left, a right one among
 * them. It clears what its caller had spent, and nobody else's.
 */
export function spendGuesses(sql: postgres.Sql, vault: Vault) {
  const cost = (budget: typeof CALLER_BUDGET) =>
    sql`case when w.guess_right then 0 else ${costSeconds(budget)}::int end`;
  const isShared = sql`pin_budgets.caller_digest = ${vault.anyoneDigest}`;
  const ofWhich = (of: (budget: typeof CALLER_BUDGET) => number) =>
    sql`make_interval(secs => case when ${isShared} then ${of(NUMBER_BUDGET)}::int else ${of(CALLER_BUDGET)}::int end)`;
  return sql`
    spent as (
      insert into pin_budgets (virtual_number_id, caller_digest, full_at)
      select number_id, digest, now() + make_interval(secs => cost)
      from (
        select w.number_id, 1 as place, w.guess_own as digest, ${cost(CALLER_BUDGET)} as cost
        from after join wish w using (id) where w.guess_count >= 1
        union all
        -- One row for all strangers on the number, as a budget that is not there yet: also then the last finds one left.
        select w.number_id, 2, ${vault.anyoneDigest}::bytea, sum(${cost(NUMBER_BUDGET)})
        from after join wish w using (id) where w.guess_count >= 2
        group by w.number_id
        having sum(${cost(NUMBER_BUDGET)}) - ${costSeconds(NUMBER_BUDGET)}::int <= ${spendableUntil(NUMBER_BUDGET)}::int
      ) b
      -- Number by number, and callers' own before the one that all share.
      order by number_id, place, digest
      on conflict (virtual_number_id, caller_digest) do update
        set full_at = case
          -- A right one costs nothing.
          when not ${isShared} and excluded.full_at = now() then now()
          else greatest(pin_budgets.full_at, now()) + (excluded.full_at - now())
        end
        -- The last of those that cost something still finds one left.
        where greatest(pin_budgets.full_at, now()) + greatest(excluded.full_at - now() - ${ofWhich(costSeconds)}, '0')
          <= now() + ${ofWhich(spendableUntil)}
      returning virtual_number_id, caller_digest
    )`;
}

/** Part of that statement: refuses it where a guess of the row `w` of `wish` was more than its budgets allow. */
export function checkGuess(sql: postgres.Sql, vault: Vault) {
  return sql`case when (
      select count(*) from spent s where s.virtual_number_id = w.number_id
        and (s.caller_digest = w.guess_own or w.guess_count > 1 and s.caller_digest = ${vault.anyoneDigest})
    ) < w.guess_count then refuse('pin_budget', w.at) end`;
}

/** Part of a read: the policy of an account, and what it has come to today. */
export function selectGuards(sql: postgres.Sql, accountId: postgres.Fragment, subaccountId: postgres.Fragment) {
  const today = sql`date_trunc('day', now(), 'UTC')`;
  return sql`(
    select jsonb_build_object('policy', m.policy, 'enabled', m.enabled and coalesce(sub.enabled, true), 'spent',
      m.policy->>'dailySpend' is not null and exists (
        select from (
          select value as currency, sum as amount from totals_by_value
          where account_id = m.id and dimension = 'all' and grain = 'day' and period = ${today} and metric = 'amount'
          union all
          select currency, amount from tallies
          where account_id = m.id and hour >= ${today} and currency is not null
        ) d group by currency having sum(amount) >= (m.policy->>'dailySpend')::numeric))
    from accounts m left join accounts sub on sub.id = ${subaccountId} where m.id = ${accountId})`;
}

/** The policy of a call's account, and why it connects nobody now. */
export function toGuards(row: GuardsRow | null): Pick<CallFacts, 'policy' | 'barred'> {
  const policy = toPolicy(row?.policy ?? {});
  const isOff = !policy.callsEnabled || row?.enabled === false;
  return { policy, barred: isOff ? 'calls_disabled' : row?.spent ? 'spend_reached' : null };
}

/** True for a step that a limit of calls may refuse. */
export function isCapped({ policy }: Pick<CallFacts, 'policy'>, { outcome }: Pick<CallStep, 'outcome'>): boolean {
  return outcome === 'connected' && Object.values(policy.caps).some((cap) => cap !== null);
}

/**
 * Part of a statement with a CTE `after` of the recorded call: ends it with what a limit of calls is called, where
 * the call would be one too many.
 */
export function checkCaps(sql: postgres.Sql, { policy }: Pick<CallFacts, 'policy'>, step: Pick<CallStep, 'outcome'>) {
  if (!isCapped({ policy }, step)) return sql`true`;
  const { caps } = policy;
  return sql`within_caps(after.id, after.session_id, after.virtual_number_id, after.account_id, ${caps.sessionAtOnce}::int,
    ${caps.sessionHourly}::int, ${caps.numberAtOnce}::int, ${caps.numberHourly}::int, ${caps.accountAtOnce}::int,
    ${caps.accountHourly}::int)`;
}

/** The limit of calls that one more would exceed: for a call that is yet to be made. */
export async function reachedCap(
  { sql }: Db,
  call: { readonly sessionId: string; readonly virtualNumberId: number; readonly accountId: string } & Pick<
    CallFacts,
    'policy'
  >,
): Promise<Bar | null> {
  const { sessionId, virtualNumberId, accountId } = call;
  try {
    await sql`
      select ${checkCaps(sql, call, { outcome: 'connected' })} from (
        select ${sessionId}::uuid as id, ${sessionId}::uuid as session_id, ${virtualNumberId}::int as virtual_number_id,
          ${accountId}::text as account_id
      ) after`;
    return null;
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === null || refusal === 'changed') throw error;
    return refusal;
  }
}

/** Why the statement of a step was refused: a limit of calls, or facts that are different now; null for a failure. */
export function refusalOf(error: unknown): Bar | 'changed' | null {
  if (sqlState(error) !== 'BA001' || !(error instanceof Error)) return null;
  return isCap(error.message) ? error.message : 'changed';
}
