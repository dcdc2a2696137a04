import type { Scope } from '../core/account.ts';
import { invalid, isRefused, type Refused, refused } from '../core/problem.ts';
import type { Deps } from '../deps.ts';
import {
  attemptsOf,
  type CallbackFilter,
  findCallback,
  type LoggedCallback,
  listCallbacks as listLogged,
  resendCallbacks,
} from '../store/callback-log.ts';
import { rotateSecret } from '../store/signing-secrets.ts';

export type { CallbackFilter, CallbackState } from '../store/callback-log.ts';

/** One attempt; without time and outcome where its process ended before it could record them. */
export interface ShownAttempt {
  readonly attempt: number;
  readonly at: Date | null;
  readonly status: number | null;
  readonly error: string | null;
  readonly durationMs: number | null;
}

export type ShownCallback = Omit<LoggedCallback, 'attempts'> & { readonly attempts: readonly ShownAttempt[] };

type Page = { readonly limit: number; readonly offset: number };

// What one statement does well within its time limit.
const RESENT_AT_ONCE = 50_000;
const OVERLAP_SECONDS = 86_400;
const ROUNDS = 5;

export async function listCallbacks(deps: Deps, scope: Scope, filter: CallbackFilter, page: Page) {
  const { total, callbacks } = await listLogged(deps.db, scope, filter, page);
  return { total, callbacks: await withAttempts(deps, callbacks) };
}

export async function getCallback(deps: Deps, scope: Scope, id: string): Promise<ShownCallback | Refused> {
  const found = await findCallback(deps.db, scope, id);
  const [callback] = found === null ? [] : await withAttempts(deps, [found]);
  return callback ?? refused({ kind: 'not_found', what: 'callback' });
}

/** Sends a callback once more, whatever became of it; not to a paused endpoint. */
export async function resendCallback(deps: Deps, scope: Scope, id: string): Promise<Refused | null> {
  if ((await resendCallbacks(deps.db, scope, { id }, 1)) === 1) return null;
  const found = await getCallback(deps, scope, id);
  return isRefused(found) ? found : refused({ kind: 'endpoint_paused' });
}

/** Sends all that the filter names once more, but those of paused endpoints. @returns how many. */
export async function resendRange(deps: Deps, scope: Scope, filter: CallbackFilter): Promise<number | Refused> {
  const count = await resendCallbacks(deps.db, scope, filter, RESENT_AT_ONCE);
  if (count === null) return invalid('to', `leaves more than ${RESENT_AT_ONCE} callbacks: choose a shorter range`);
  deps.log.info({ account: scope.accountId, count }, 'callbacks.resent');
  return count;
}

/**
 * A new secret for an account's callbacks, shown this once. The one before it is valid for a day more, and each
 * callback is signed with both meanwhile.
 */
export async function rotateSigningSecret(
  deps: Deps,
  accountId: string,
): Promise<{ secret: string; formerUntil: Date }> {
  for (let round = 0; round < ROUNDS; round++) {
    const secret = deps.newKey();
    const formerUntil = await rotateSecret(deps.db, deps.vault, accountId, {
      id: deps.newUuid(),
      formerId: deps.newUuid(),
      text: secret,
      overlapSeconds: OVERLAP_SECONDS,
    });
    if (formerUntil === null) continue;
    deps.log.info({ account: accountId }, 'secret.rotated');
    return { secret, formerUntil };
  }
  throw new Error('a rotation that was contended in every round');
}

async function withAttempts(deps: Deps, callbacks: readonly LoggedCallback[]): Promise<ShownCallback[]> {
  const recorded = await attemptsOf(
    deps.db,
    callbacks.map(({ id }) => id),
  );
  return callbacks.map((callback) => {
    const own = new Map(recorded.filter(({ callbackId }) => callbackId === callback.id).map((a) => [a.attempt, a]));
    // The last one may still be under way: it is somebody's until then.
    const isUnderWay =
      !own.has(callback.attempts) && callback.state !== 'delivered' && callback.nextAttemptAt > deps.now();
    const count = callback.attempts - (isUnderWay ? 1 : 0);
    const attempts = Array.from({ length: Math.max(0, count) }, (_, i) => own.get(i + 1) ?? unrecorded(i + 1));
    return { ...callback, attempts };
  });
}

function unrecorded(attempt: number): ShownAttempt {
  return { attempt, at: null, status: null, error: 'unrecorded', durationMs: null };
}
