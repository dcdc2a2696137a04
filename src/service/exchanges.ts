import type { Scope } from '../core/account.ts';
import type { Exchange } from '../core/exchange.ts';
import type { Deps } from '../deps.ts';
import { isOutage } from '../store/connect.ts';
import {
  type ExchangeFilter,
  type LoggedExchange,
  purgeExchanges as purgeStored,
  readExchanges,
  writeExchanges,
} from '../store/exchanges.ts';

export type { ExchangeFilter, LoggedExchange };

/** Keeps exchanges in memory for a moment and writes them in batches, so that no answer waits for its log. */
export interface ExchangeLog {
  /** Never waits, never throws. */
  record(exchange: Exchange): void;
  /** Resolves when something was written here, when it is over, or after so long. */
  written(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Writes what was recorded until now, as far as the database takes it. */
  flush(): Promise<void>;
  /** Writes what is left. */
  close(): Promise<void>;
}

const FLUSH_AFTER_MS = 200;
const AGAIN_AFTER_MS = 1_000;
const BATCH = 500;
// A minute of calls at more than a hundred a second; what is older is dropped while the database is silent.
const KEPT = 10_000;

export function startExchangeLog({
  db,
  vault,
  log,
  newUuid,
}: Pick<Deps, 'db' | 'vault' | 'log' | 'newUuid'>): ExchangeLog {
  let waiting: Exchange[] = [];
  let dropped = 0;
  let timer: NodeJS.Timeout | null = null;
  let flushing: Promise<boolean> | null = null;
  let isClosed = false;
  const readers = new Set<() => void>();

  function schedule(milliseconds: number): void {
    if (timer !== null || isClosed) return;
    timer = setTimeout(() => {
      timer = null;
      void writeBatch().then((isDone) => {
        if (waiting.length > 0) schedule(isDone ? FLUSH_AFTER_MS : AGAIN_AFTER_MS);
      });
    }, milliseconds);
    timer.unref();
  }

  function writeBatch(): Promise<boolean> {
    flushing ??= write(waiting.splice(0, BATCH)).finally(() => {
      flushing = null;
    });
    return flushing;
  }

  async function write(batch: readonly Exchange[]): Promise<boolean> {
    if (batch.length === 0) return true;
    try {
      await writeExchanges(db, vault, batch, batch.map(newUuid));
      for (const wake of readers) wake();
      if (waiting.length < BATCH) tellOfDropped();
      return true;
    } catch (error) {
      log.warn({ err: error, exchanges: batch.length }, 'exchange.write_failed');
      if (isOutage(error)) {
        keep([...batch, ...waiting]);
        return false;
      }
      // One of them cannot be written, which must not keep the others from it.
      if (batch.length === 1) return true;
      const half = batch.length >> 1;
      const isFirstDone = await write(batch.slice(0, half));
      return (await write(batch.slice(half))) && isFirstDone;
    }
  }

  function keep(all: Exchange[]): void {
    const excess = Math.max(0, all.length - KEPT);
    waiting = excess > 0 ? all.slice(excess) : all;
    dropped += excess;
  }

  // Once, when it is over, so that a silent database does not fill the log as well.
  function tellOfDropped(): void {
    if (dropped > 0) log.error({ dropped, kept: KEPT }, 'exchange.dropped');
    dropped = 0;
  }

  async function flush(): Promise<void> {
    // Under way since before; what was recorded meanwhile is not in it.
    await flushing;
    while (waiting.length > 0 && (await writeBatch()));
  }

  return {
    flush,
    record(exchange) {
      waiting.push(exchange);
      if (waiting.length > KEPT) keep(waiting);
      schedule(FLUSH_AFTER_MS);
    },
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
      if (timer !== null) clearTimeout(timer);
      for (const wake of readers) wake();
      await flush();
      dropped += waiting.length;
      tellOfDropped();
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
