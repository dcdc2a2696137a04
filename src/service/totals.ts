import type { Scope } from '../core/account.ts';
import { isRefused, type Refused } from '../core/problem.ts';
import { boundHours, type Grouping, type HourRange } from '../core/totals.ts';
import type { Deps, StoreDeps } from '../deps.ts';
import { foldTallies as foldStored } from '../store/tallies.ts';
import { readTotals, type Totals } from '../store/totals.ts';

/** What to sum up; absent ends of the range are filled in. */
export interface TotalsWish {
  readonly from?: Date;
  readonly to?: Date;
  readonly grouping: Grouping;
  readonly page: { readonly limit: number; readonly offset: number };
}

/** The account's totals of a range of whole hours. */
export async function sumUp(deps: StoreDeps, scope: Scope, wish: TotalsWish): Promise<(Totals & HourRange) | Refused> {
  const range = boundHours(wish.from, wish.to, deps.now());
  if (isRefused(range)) return range;
  const { grouping, page } = wish;
  return { ...range, ...(await readTotals(deps.db, { scope, range, grouping, page })) };
}

const BATCH = 4000;
// A backlog is left to the next runs, so that an instance that is to end need not wait for it.
const BATCHES_PER_RUN = 5;

/** Moves what was tallied into the totals. @returns how many tallies. */
export async function foldTallies({ db }: Deps): Promise<number> {
  let total = 0;
  for (let left = BATCHES_PER_RUN; left > 0; left--) {
    const folded = await foldStored(db, BATCH);
    total += folded;
    if (folded < BATCH) break;
  }
  return total;
}
