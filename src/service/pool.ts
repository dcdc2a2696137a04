import type { Scope } from '../core/account.ts';
import { firstExhausted, needOf, type PoolLoad, type PoolNeed } from '../core/pool-load.ts';
import type { Deps } from '../deps.ts';
import { type NumberLoad, readPool } from '../store/pool-state.ts';

/** What the pools carry and need, and which runs out first. */
export interface PoolReport {
  readonly pools: readonly (PoolLoad & PoolNeed)[];
  readonly exhaustedFirst: (PoolLoad & PoolNeed) | null;
  readonly numbers: readonly NumberLoad[];
  readonly numberCount: number;
}

export async function watchPool(
  deps: Deps,
  scope: Scope,
  page: { readonly limit: number; readonly offset: number },
): Promise<PoolReport> {
  const state = await readPool(deps.db, deps.vault, scope, page);
  const pools = state.pools.map((pool) => ({ ...pool, ...needOf(pool) }));
  return { ...state, pools, exhaustedFirst: firstExhausted(pools) };
}
