import { destinationFault } from '../core/call-policy.ts';
import type { Reason } from '../core/reasons.ts';
import type { Deps } from '../deps.ts';
import { reachedCap } from '../store/call-guards.ts';
import {
  type Placed,
  type Placement,
  reportedCallOf,
  settlePlacement,
  takeAbandonedPlacements,
  takePlacements,
} from '../store/placements.ts';

/** Places the calls to first parties that are due, and goes on as long as there are some. */
export interface Placer {
  /** Looks for due calls now. Cheap when there are none; never rejects. */
  wake(): void;
  /** Takes no more, and resolves when those under way are settled. */
  close(): Promise<void>;
}

// More wait where they are booked: at the provider their time would run out before they are sent.
const WINDOW = 16;
// Longer than a request may take, so that nobody still waits for its answer.
const ABANDONED_AFTER_SECONDS = 60;
const ABANDONED_AT_ONCE = 16;
// Prompts before the second leg, and reports that are late.
const SLACK_SECONDS = 600;
const ROUNDS = 5;
const PLIVO_API = 'https://api.plivo.com/v1';

// Codes of core/hangup-cause.ts: Routing Error, and Unknown.
const ROUTING_ERROR = 5020;
const UNKNOWN = 0;

type Needs = Omit<Deps, 'placer'>;

/** A sliding window: whenever a call is settled, its place is free for the next due one. */
export function startPlacer(deps: Needs): Placer {
  const underWay = new Set<Promise<void>>();
  let taking: Promise<void> | null = null;
  let isWanted = false;
  let isClosed = false;

  function wake(): void {
    isWanted = true;
    if (taking !== null || isClosed || underWay.size >= WINDOW) return;
    taking = take().finally(() => {
      taking = null;
      if (isWanted) wake();
    });
  }

  async function take(): Promise<void> {
    isWanted = false;
    try {
      for (const due of await takePlacements(deps.db, deps.vault, WINDOW - underWay.size)) launch(due);
    } catch (error) {
      deps.log.warn({ err: error }, 'call.place_take_failed');
    }
  }

  function launch(due: Placement): void {
    const work = guarded(deps, due, place).finally(() => {
      underWay.delete(work);
      wake();
    });
    underWay.add(work);
  }

  return {
    wake,
    async close() {
      isClosed = true;
      await taking;
      await Promise.all(underWay);
    },
  };
}

/**
 * Decides on calls that somebody took and never settled, since the process died or the provider's answer was lost.
 * They are not asked for again: that could call somebody twice. What the provider reported of them tells.
 */
export async function settleAbandoned(deps: Needs): Promise<number> {
  const abandoned = await takeAbandonedPlacements(deps.db, deps.vault, ABANDONED_AFTER_SECONDS, ABANDONED_AT_ONCE);
  await Promise.all(abandoned.map((placement) => guarded(deps, placement, settleUnknown)));
  return abandoned.length;
}

/** One that cannot be settled stops no other; it is found abandoned later. */
async function guarded(
  deps: Needs,
  placement: Placement,
  verb: (deps: Needs, placement: Placement) => Promise<void>,
): Promise<void> {
  await verb(deps, placement).catch((error) =>
    deps.log.warn({ err: error, session: placement.sessionId }, 'call.place_settle_failed'),
  );
}

async function place(deps: Needs, placement: Placement): Promise<void> {
  const { secrets, dialect, firstParty, settings } = placement;
  const { authId, authToken } = secrets;
  if (!placement.isLive) return settle(deps, placement, failed('session_ended'));
  if (dialect !== 'plivo' || !authId || !authToken || firstParty === null) {
    return settle(deps, placement, failed('place_unsupported'));
  }
  const refusal =
    placement.barred ??
    (destinationFault(placement.policy, firstParty) === null ? null : 'destination_denied') ??
    (await reachedCap(deps.db, placement));
  if (refusal !== null) return settle(deps, placement, failed(refusal));
  const answerUrl = `${deps.config.publicUrl}/answer/${secrets.key}/`;
  const outcome = await deps.placeCall({
    apiUrl: secrets.apiUrl ?? PLIVO_API,
    authId,
    authToken,
    from: placement.virtualNumber.slice(1),
    to: firstParty.slice(1),
    answerUrl,
    ringUrl: `${answerUrl}ring/`,
    hangupUrl: `${answerUrl}hangup/`,
    ringTimeoutSeconds: settings.ringTimeoutSeconds,
    timeLimitSeconds: settings.callTimeLimitSeconds,
  });
  deps.log.info({ session: placement.sessionId, ...outcome }, 'call.place_answered');
  if (outcome.kind === 'placed') return settle(deps, placement, made(placement, outcome.requestId));
  if (outcome.kind === 'refused') return settle(deps, placement, failed('place_refused', ROUTING_ERROR));
  // Undecided: the provider's reports may tell before it is given up, see `settleUnknown`.
}

async function settleUnknown(deps: Needs, placement: Placement): Promise<void> {
  const requestId = await reportedCallOf(deps.db, deps.vault, placement);
  await settle(deps, placement, requestId === null ? failed('place_unknown', UNKNOWN) : made(placement, requestId));
}

function made({ settings }: Placement, requestId: string): Placed {
  const overdueInSeconds = settings.ringTimeoutSeconds + settings.callTimeLimitSeconds + SLACK_SECONDS;
  return { kind: 'placed', requestId, overdueInSeconds };
}

function failed(reason: Reason, hangupCode = ROUTING_ERROR): Placed {
  return { kind: 'failed', reason, hangupCode };
}

async function settle(deps: Needs, placement: Placement, placed: Placed): Promise<void> {
  const id = deps.newUuid();
  for (let round = 0; round < ROUNDS; round++) {
    if (!(await settlePlacement(deps.db, deps.vault, placement, placed, id))) continue;
    const { sessionId: session } = placement;
    if (placed.kind === 'placed') deps.log.info({ session, call: placed.requestId }, 'call.placed');
    else deps.log.warn({ session, reason: placed.reason }, 'call.not_placed');
    return;
  }
  // It is settled when it is found abandoned.
  deps.log.warn({ session: placement.sessionId }, 'call.placement_contended');
}
