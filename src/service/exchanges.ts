import type { Scope } from '../core/account.ts';
import type { Exchange } from '../core/exchange.ts';
import type { Deps } from '../deps.ts';
import {
  type ExchangeFilter,
  type LoggedExchange,
  purgeExchanges as purgeStored,
  readExchanges,
  writeExchanges,
} from '../store/exchanges.ts';
import { type Batches, startBatches } from './batches.ts';

export type { ExchangeFilter, LoggedExchange };

/** The log of exchanges, written beside the answers. */
export interface ExchangeLog extends Batches<Exchange> {
  /** Resolves when something was written here, when it is over, or after so long. */
  written(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export function startExchangeLog({
  db,
  vault,
  log,
  newUuid,
}: Pick<Deps, 'db' | 'vault' | 'log' | 'newUuid'>): ExchangeLog {
  const readers = new Set<() => void>();
  let isClosed = false;
  const batches = startBatches<Exchange>(log, 'exchange', async (batch) => {
    await writeExchanges(db, vault, batch, batch.map(newUuid));
    for (const wake of readers) wake();
  });
  return {
    ...batches,
    written(milliseconds, signal) {
      return new Promise((resolve) => {
        const done = () => {
          clearTimeout(limit);
          readers.delete(done);
          signal?.removeEventListener('abort', done);
          resolve();
        };
        const limit = setTimeout(done, milliseconds);
        readers.add(done);
        signal?.addEventListener('abort', done);
        if (isClosed || signal?.aborted) done();
      });
    },
    async close() {
      isClosed = true;
      for (const wake of readers) wake();
      await batches.close();
    },
  };
}

// Another instance may have written it.
const LOOK_AGAIN_MS = 500;

/**
 * Exchanges of the account. With `waitMs` and nothing there yet, it waits for the next ones; no connection to the
 * database is held meanwhile.
 */
export async function followExchanges(
  deps: Deps,
  scope: Scope,
  filter: ExchangeFilter,
  limit: number,
  waitMs: number,
  signal: AbortSignal,
): Promise<readonly LoggedExchange[]> {
  const until = deps.now().getTime() + waitMs;
  for (;;) {
    const found = await readExchanges(deps.db, deps.vault, scope, filter, limit, deps.now());
    const left = until - deps.now().getTime();
    if (found.length > 0 || left <= 0 || signal.aborted) return found;
    await deps.exchanges.written(Math.min(left, LOOK_AGAIN_MS), signal);
  }
}

const PURGE_BATCH = 5_000;

/** Deletes exchanges that are older than their days. @returns how many. */
export async function purgeExchanges({ db, config }: Deps): Promise<number> {
  let total = 0;
  for (;;) {
    const gone = await purgeStored(db, config.exchangeDays, PURGE_BATCH);
    total += gone;
    if (gone < PURGE_BATCH) return total;
  }
}
