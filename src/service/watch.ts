import { needOf, type PoolLoad } from '../core/pool-load.ts';
import type { Deps } from '../deps.ts';
import { readWatched, type Watched } from '../store/watch.ts';

/** Keeps what is known of the database's state for some seconds, so that several may watch. */
export interface Watch {
  /** Brings the metrics of the database's state up to date. Never rejects. */
  refresh(): Promise<void>;
}

const FRESH_MS = 5_000;

export function startWatch(deps: Pick<Deps, 'watchDb' | 'vault' | 'metrics' | 'log' | 'now'>): Watch {
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | null = null;
  show(deps.metrics, null);

  async function read(): Promise<void> {
    const state = await readWatched(deps.watchDb, deps.vault).catch((err: unknown) => {
      deps.log.warn({ err }, 'watch.failed');
      return null;
    });
    show(deps.metrics, state);
    readAt = deps.now().getTime();
  }

  return {
    async refresh() {
      if (deps.now().getTime() - readAt < FRESH_MS) return;
      reading ??= read().finally(() => {
        reading = null;
      });
      // What the database never answers to must not hold up the metrics that tell of it.
      await atMost(WAIT_MS, reading, () => show(deps.metrics, null));
    },
  };
}

const WAIT_MS = 1_500;

async function atMost(ms: number, work: Promise<void>, otherwise: () => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      otherwise();
      resolve();
    }, ms);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Figures that are not known are left out: the last ones would look like the state of now. */
function show(metrics: Deps['metrics'], state: Watched | null): void {
  metrics.databaseUp.set(state === null ? 0 : 1);
  const { callbacksPending, oldestDue, endpointsPaused, expiryLag, liveSessions, poolNumbers, poolHeadroom } = metrics;
  for (const gauge of [callbacksPending, oldestDue, endpointsPaused, expiryLag, liveSessions]) gauge.remove();
  for (const gauge of [poolNumbers, poolHeadroom]) gauge.reset();
  if (state === null) return;
  callbacksPending.set(state.callbacksPending);
  oldestDue.set(state.oldestDueSeconds);
  endpointsPaused.set(state.endpointsPaused);
  expiryLag.set(state.expiryLagSeconds);
  liveSessions.set(state.liveSessions);
  for (const country of new Set(state.pools.map((pool) => pool.country))) {
    const pools = state.pools.filter((pool) => pool.country === country);
    poolNumbers.set(
      { country },
      pools.reduce((sum, { numbers }) => sum + numbers, 0),
    );
    poolHeadroom.set({ country }, Math.min(...pools.map(headroom)));
  }
}

function headroom(pool: PoolLoad): number {
  return needOf(pool).headroomAtPeak / pool.numbers;
}
