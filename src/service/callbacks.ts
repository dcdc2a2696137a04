import { setImmediate as nextTurn } from 'node:timers/promises';
import { callbackParams } from '../core/callback-params.ts';
import { nextAttemptSeconds } from '../core/retry.ts';
import type { Deps } from '../deps.ts';
import type { CallbackOutcome } from '../outbound/send-callback.ts';
import { markDelivered, markFailed } from '../store/callback-outcomes.ts';
import { type DueCallback, nextDueInMs, openCallback, takeDueCallbacks } from '../store/callbacks.ts';

/** Sends callbacks that are due, and goes on as long as there are some. */
export interface Dispatcher {
  /** Looks for due callbacks now, and when none is left for the next instant. Cheap when there are none; never rejects. */
  wake(): void;
  /** Some may have been booked just now: looks for them at once where it has not looked for a moment, else soon. */
  booked(): void;
  /** Steps back: each receiver gets few at a time, until what is returned is called. */
  hold(): () => void;
  /** Takes no more, and resolves when those under way are settled. */
  close(): Promise<void>;
}

const WINDOW = 64;
const PER_ENDPOINT = 4;
// While half of the window is free, for an app that alone has many: as many as there are connections to a receiver.
const PER_ENDPOINT_IN_PEACE = 24;
// Endpoints that are not known to be quick share half of the window, with fewer places for each.
const PER_OTHER_ENDPOINT = 2;
// While others are to have the machine.
const PER_ENDPOINT_WHILE_HELD = 2;
const WINDOW_FOR_OTHERS = WINDOW / 2;
const QUICK_MS = 2_000;
const QUICK_REMEMBERED = 1_000;
// Longer than the 15 s of an attempt, so that nobody else takes a callback that is being sent.
const LEASE_SECONDS = 30;
// Where callbacks are booked all the time it looks for them so often, and not after each booking.
const REST_MS = 50;
// What is due later is seen when the timetable wakes it the next time.
const HORIZON_MS = 1_500;
const RANDOM_STEPS = 1_000_000;
// As Svix has it: five days of nothing but failures, and not only one or two callbacks in them.
const PAUSE_RULE = { failures: 10, seconds: 5 * 86_400 };
const GONE = 410;
// An attempt whose process died does not count, unless it is the callback that lets processes die.
const LOST_ATTEMPTS_TOLERATED = 20;

/**
 * A sliding window: whenever an attempt is settled, its place is free for the next due callback, of
 * whichever endpoint. An endpoint that is slow or dead fills its own few places and nobody else's; any number
 * of them leave half of the window to those that were quick the last time.
 */
export function startDispatcher(deps: Deps): Dispatcher {
  const underWay = new Map<string, number>();
  const quick = new Set<string>();
  let inFlight = 0;
  let holds = 0;
  let isClosed = false;
  let taking: Promise<void> | null = null;
  let isWanted = false;
  let isToPlan = false;
  let settled = () => {};
  let tookAt = Number.NEGATIVE_INFINITY;
  let toSettleFirst = 0;
  let rest: NodeJS.Timeout | null = null;
  let planned: NodeJS.Timeout | undefined;

  function lookSoon(): void {
    if (rest !== null || isClosed) return;
    const wait = tookAt + REST_MS - performance.now();
    if (wait <= 0) {
      look();
      return;
    }
    rest = setTimeout(() => {
      rest = null;
      look();
    }, wait);
  }

  function wake(): void {
    isToPlan = true;
    look();
  }

  function look(): void {
    isWanted = true;
    if (taking !== null || isClosed || inFlight >= WINDOW) return;
    // What is settled by one statement frees its places in one turn, and one take fills them all.
    taking = nextTurn()
      .then(take)
      .finally(() => {
        taking = null;
        if (isWanted) look();
        settled();
      });
  }

  async function take(): Promise<void> {
    isWanted = false;
    tookAt = performance.now();
    const places = [...underWay].map(([endpoint, count]) => ({ endpoint, count, isQuick: quick.has(endpoint) }));
    const takenByOthers = places.reduce((sum, { count, isQuick }) => sum + (isQuick ? 0 : count), 0);
    const isPeace = holds === 0 && inFlight < WINDOW / 2;
    const perEndpoint = holds > 0 ? PER_ENDPOINT_WHILE_HELD : isPeace ? PER_ENDPOINT_IN_PEACE : PER_ENDPOINT;
    const wish = {
      limit: (isPeace ? WINDOW / 2 : WINDOW) - inFlight,
      perEndpoint,
      quickEndpoints: [...quick],
      perOther: PER_OTHER_ENDPOINT,
      othersLimit: Math.max(0, WINDOW_FOR_OTHERS - takenByOthers),
      busyEndpoints: places
        .filter(({ count, isQuick }) => count >= (isQuick ? perEndpoint : PER_OTHER_ENDPOINT))
        .map(({ endpoint }) => endpoint),
      leaseSeconds: LEASE_SECONDS,
    };
    try {
      const taken = await takeDueCallbacks(deps.db, wish);
      toSettleFirst = taken.length / 2;
      for (const due of taken) launch(due);
      // With fewer, whoever has more is busy now and has its turn when one is settled.
      if (isPeace && taken.length === wish.limit) isWanted = true;
      if (isToPlan && taken.length === 0) await plan();
    } catch (error) {
      deps.log.warn({ err: error }, 'callback.take_failed');
    }
  }

  /**
   * Wakes it at the instant at which the next one is due. Only asked for when there is nothing else to do, and once for
   * each waking: what is booked is due at once, and what failed later than the timetable wakes it again.
   */
  async function plan(): Promise<void> {
    isToPlan = false;
    // Counted from before it looked: what became due between the two would wait for the timetable.
    const ms = await nextDueInMs(deps.db, performance.now() - tookAt);
    if (ms === null || ms > HORIZON_MS || isClosed) return;
    clearTimeout(planned);
    planned = setTimeout(wake, Math.max(0, Math.ceil(ms)));
  }

  function launch(due: DueCallback): void {
    inFlight++;
    underWay.set(due.endpoint, (underWay.get(due.endpoint) ?? 0) + 1);
    void attempt(deps, due)
      .then((isQuick) => remember(due.endpoint, isQuick))
      // Not settled in the store: it is due again when its lease has run out.
      .catch((error) => deps.log.warn({ err: error, callback: due.id }, 'callback.settle_failed'))
      .finally(() => {
        inFlight--;
        const left = (underWay.get(due.endpoint) ?? 1) - 1;
        if (left === 0) underWay.delete(due.endpoint);
        else underWay.set(due.endpoint, left);
        settled();
        toSettleFirst--;
        // A few takes of many cost less than many of a few; but none waits for what hangs.
        if (toSettleFirst <= 0) look();
        else lookSoon();
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
    booked: lookSoon,
    hold() {
      holds += 1;
      return () => {
        holds -= 1;
        look();
      };
    },
    async close() {
      isClosed = true;
      if (rest !== null) clearTimeout(rest);
      clearTimeout(planned);
      while (inFlight > 0 || taking !== null) {
        await new Promise<void>((resolve) => {
          settled = resolve;
        });
      }
    },
  };
}

/** One attempt: sent outside any statement, then recorded. @returns whether the receiver was quick, whatever it said. */
async function attempt(deps: Deps, due: DueCallback): Promise<boolean> {
  const { mainAccountId, endpoint } = due;
  const { callback, secrets, mainSecrets } = openCallback(deps.vault, due);
  const beganAt = deps.now();
  const outcome = await deps.send({
    id: callback.id,
    url: callback.url,
    method: callback.method,
    params: callbackParams(callback, deps.config.publicUrl),
    attemptedAt: beganAt,
    nonce: deps.newKey(),
    secrets,
    mainSecrets,
  });
  const durationMs = Math.max(0, deps.now().getTime() - beganAt.getTime());
  const made = { callbackId: callback.id, attempt: due.attempt, mainAccountId, endpoint, durationMs };
  const retryInSeconds = outcome.ok ? null : retryIn(deps, due, outcome);
  deps.log.info(
    { callback: callback.id, event: callback.event, attempt: due.attempt, ...outcome, durationMs, retryInSeconds },
    'callback.attempted',
  );
  deps.metrics.callbackAttempts.inc({ outcome: inAWord(outcome) });
  if (retryInSeconds === null && !outcome.ok) deps.metrics.callbacksGivenUp.inc();
  if (outcome.ok) await markDelivered(deps.db, deps.vault, { ...made, status: outcome.status });
  else if (await markFailed(deps.db, made, { ...outcome, retryInSeconds }, PAUSE_RULE)) {
    deps.log.warn({ account: mainAccountId, endpoint, reason: 'failing' }, 'endpoint.paused');
  }
  return outcome.status !== null && durationMs < QUICK_MS;
}

/** `delivered`, a word for why it was not, or the class of its status such as `status 5xx`. */
function inAWord(outcome: CallbackOutcome): string {
  return outcome.ok ? 'delivered' : outcome.error.replace(/^status (\d)\d\d$/, 'status $1xx');
}

function retryIn(deps: Deps, due: DueCallback, outcome: CallbackOutcome & { ok: false }): number | null {
  const made = Math.max(due.failuresInRound + 1, due.attemptInRound - LOST_ATTEMPTS_TOLERATED);
  return nextAttemptSeconds(made, deps.random(RANDOM_STEPS) / RANDOM_STEPS, {
    isGone: outcome.status === GONE,
    retryAfterSeconds: outcome.retryAfterSeconds ?? null,
  });
}
