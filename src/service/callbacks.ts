import { callbackParams } from '../core/callback.ts';
import { nextAttemptDelaySeconds } from '../core/retry.ts';
import type { Deps } from '../deps.ts';
import { signingTokens } from '../store/accounts.ts';
import { type DueCallback, markDelivered, markFailed, takeDueCallbacks } from '../store/callbacks.ts';

/** Sends callbacks that are due, and goes on as long as there are some. */
export interface Dispatcher {
  /** Looks for due callbacks now. Cheap when there are none; never rejects. */
  wake(): void;
  /** Takes no more, and resolves when those under way are settled. */
  close(): Promise<void>;
}

const WINDOW = 64;
const PER_ENDPOINT = 4;
// Endpoints that are not known to be quick share half of the window, with fewer places for each.
const PER_OTHER_ENDPOINT = 2;
const WINDOW_FOR_OTHERS = WINDOW / 2;
const QUICK_MS = 2_000;
const QUICK_REMEMBERED = 1_000;
// Longer than the 15 s of an attempt, so that nobody else takes a callback that is being sent.
const LEASE_SECONDS = 30;
const RANDOM_STEPS = 1_000_000;

/**
 * A sliding window: whenever an attempt is settled, its place is free for the next due callback, of
 * whichever endpoint. An endpoint that is slow or dead fills its own few places and nobody else's; any number
 * of them leave half of the window to those that were quick the last time.
 */
export function startDispatcher(deps: Deps): Dispatcher {
  const underWay = new Map<string, number>();
  const quick = new Set<string>();
  let inFlight = 0;
  let isClosed = false;
  let taking: Promise<void> | null = null;
  let isWanted = false;
  let settled = () => {};

  function wake(): void {
    isWanted = true;
    if (taking !== null || isClosed || inFlight >= WINDOW) return;
    taking = take().finally(() => {
      taking = null;
      if (isWanted) wake();
      settled();
    });
  }

  async function take(): Promise<void> {
    isWanted = false;
    const places = [...underWay].map(([endpoint, count]) => ({ endpoint, count, isQuick: quick.has(endpoint) }));
    const takenByOthers = places.reduce((sum, { count, isQuick }) => sum + (isQuick ? 0 : count), 0);
    const wish = {
      limit: WINDOW - inFlight,
      perEndpoint: PER_ENDPOINT,
      quickEndpoints: [...quick],
      perOther: PER_OTHER_ENDPOINT,
      othersLimit: Math.max(0, WINDOW_FOR_OTHERS - takenByOthers),
      busyEndpoints: places
        .filter(({ count, isQuick }) => count >= (isQuick ? PER_ENDPOINT : PER_OTHER_ENDPOINT))
        .map(({ endpoint }) => endpoint),
      leaseSeconds: LEASE_SECONDS,
    };
    try {
      for (const due of await takeDueCallbacks(deps.db, deps.vault, wish)) launch(due);
    } catch (error) {
      deps.log.warn({ err: error }, 'callback.take_failed');
    }
  }

  function launch(due: DueCallback): void {
    inFlight++;
    underWay.set(due.endpoint, (underWay.get(due.endpoint) ?? 0) + 1);
    void attempt(deps, due)
      .then((isQuick) => remember(due.endpoint, isQuick))
      // Not settled in the store: it is due again when its lease has run out.
      .catch((error) => deps.log.warn({ err: error, callback: due.callback.id }, 'callback.settle_failed'))
      .finally(() => {
        inFlight--;
        const left = (underWay.get(due.endpoint) ?? 1) - 1;
        if (left === 0) underWay.delete(due.endpoint);
        else underWay.set(due.endpoint, left);
        settled();
        wake();
      });
  }

  function remember(endpoint: string, isQuick: boolean): void {
    quick.delete(endpoint);
    if (isQuick) quick.add(endpoint);
    const [oldest] = quick;
    if (oldest !== undefined && quick.size > QUICK_REMEMBERED) quick.delete(oldest);
  }

  return {
    wake,
    async close() {
      isClosed = true;
      while (inFlight > 0 || taking !== null) {
        await new Promise<void>((resolve) => {
          settled = resolve;
        });
      }
    },
  };
}

/** One attempt: sent outside any statement, then recorded. @returns whether the receiver was quick, whatever it said. */
async function attempt(deps: Deps, { callback, signerId, attempt: number }: DueCallback): Promise<boolean> {
  const tokens = await signingTokens(deps.db, deps.vault, signerId);
  if (tokens === null) throw new Error('a callback of an unknown account');
  const beganAt = deps.now();
  const outcome = await deps.send({
    id: callback.id,
    url: callback.url,
    method: callback.method,
    params: callbackParams(callback),
    attemptedAt: beganAt,
    nonce: deps.newKey(),
    token: tokens.own,
    mainToken: tokens.main,
  });
  const isQuick = outcome.status !== null && deps.now().getTime() - beganAt.getTime() < QUICK_MS;
  const retryInSeconds = outcome.ok ? null : nextAttemptDelaySeconds(number, deps.random(RANDOM_STEPS) / RANDOM_STEPS);
  deps.log.info(
    { callback: callback.id, event: callback.event, attempt: number, ...outcome, retryInSeconds },
    'callback.attempted',
  );
  if (outcome.ok) await markDelivered(deps.db, callback.id, outcome.status);
  else await markFailed(deps.db, callback.id, { status: outcome.status, error: outcome.error, retryInSeconds });
  return isQuick;
}
