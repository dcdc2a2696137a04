import type { Scope } from '../core/account.ts';
import type { Phone } from '../core/phone.ts';
import { generatePins } from '../core/pin.ts';
import { guessChance, LONGEST_PIN, mostPins, safeLength } from '../core/pin-budget.ts';
import { rankCandidates } from '../core/pool.ts';
import { invalid, isRefused, type Refused, refused } from '../core/problem.ts';
import { draftSession, type MaskingSession, type SessionDraft, type SessionWish } from '../core/session.ts';
import { NO_HISTORY } from '../core/session-history.ts';
import type { StoreDeps } from '../deps.ts';
import { findAccount } from '../store/accounts.ts';
import { type Claim, type Claimed, type ClaimRefusal, claimSession } from '../store/claim.ts';
import { type FoundNumber, loadCreateFacts } from '../store/create-facts.ts';
import { findSession } from '../store/sessions.ts';
import { partiesFault, phoneRules } from './parties.ts';

// Where the app says how short its PINs are there is a choice, for a number on which they are hard to guess.
const CHOICE = 4;
// Of eight random PINs all are taken only on a number that is full of PINs of that length.
const PIN_DRAWS = 8;

export interface CreatedSession extends MaskingSession {
  /**
   * Where the app has fixed PINs so short that they are guessed too easily: the probability that all guesses that
   * are allowed at once name one that lives on the number.
   */
  readonly pinGuessChance: number | null;
}

/**
 * Makes a session on a virtual number where none of its parties, and none of its PINs, is taken.
 *
 * @param keyed the id that a request with an Idempotency-Key gives it. Taken over from a try that died, that one's
 *   session is the answer where it was made.
 * @param number the one that it has to have; null for one of the pool.
 */
export async function createSession(
  deps: StoreDeps,
  scope: Scope,
  wish: SessionWish,
  keyed: { readonly resourceId: string; readonly isTakenOver: boolean } | null = null,
  number: Phone | null = null,
): Promise<CreatedSession | Refused> {
  const made = keyed?.isTakenOver ? await findSession(deps.db, deps.vault, scope, keyed.resourceId) : null;
  if (made) return { ...made, pinGuessChance: null };
  const subaccountId = await subaccountFor(deps, scope, wish.subaccountId);
  if (isRefused(subaccountId)) return subaccountId;
  const rules = await phoneRules(deps, scope, [wish.firstParty, wish.secondParty]);
  const checked = draftSession(wish, deps.config.session, rules);
  if (isRefused(checked)) return checked;

  const draft = { ...checked, subaccountId };
  const parties = { first_party: draft.firstParty, second_party: draft.secondParty };
  const id = keyed?.resourceId ?? deps.newUuid();
  const tried: number[] = [];
  const most = hasFixedPins(draft) ? CHOICE : 1;
  for (;;) {
    const query = { accountId: scope.accountId, draft, number, tried, most };
    const { policy, virtual, candidates } = await loadCreateFacts(deps.db, deps.vault, query);
    if (!policy.callsEnabled) return refused({ kind: 'calls_disabled' });
    const fault = partiesFault(policy, parties, virtual);
    if (fault) return fault;
    if (candidates.length === 0) return refused({ kind: 'pool_exhausted' });
    const rated = candidates.map((one) => ({ ...one, isCrowded: fixedPinChance(draft, one) > deps.config.pinRisk }));
    for (const virtualNumber of rankCandidates(rated, deps.random)) {
      const outcome = await claimNumber(deps, { id, accountId: scope.accountId, virtualNumber, draft, by: scope.by });
      if (typeof outcome === 'object') {
        if (draft.settings.initiateCallToFirstParty) deps.placer.wake();
        const chance = fixedPinChance(draft, virtualNumber);
        const session = sessionOf({ ...outcome.claim, ...outcome.at });
        return { ...session, pinGuessChance: virtualNumber.isCrowded ? chance : null };
      }
      tried.push(virtualNumber.id);
    }
  }
}

const hasFixedPins = ({ pinRequired, pins, pinLength }: SessionDraft) =>
  pinRequired && (pins !== null || pinLength !== null);

type Wanted = Pick<Claim, 'id' | 'accountId' | 'draft' | 'by'> & { readonly virtualNumber: FoundNumber };

/** The claim that was successful, with the PINs that it was made with, or why there was none. */
async function claimNumber(deps: StoreDeps, wanted: Wanted): Promise<ClaimRefusal | { claim: Claim; at: Claimed }> {
  const { draft, virtualNumber } = wanted;
  const { pinRisk } = deps.config;
  const isDrawn = draft.pinRequired && draft.pins === null;
  const parties = [draft.firstParty, draft.secondParty];
  let length = draft.pinLength ?? safeLength(virtualNumber.livingPins, pinRisk);
  for (let draws = 1; ; draws++) {
    const pins = isDrawn ? generatePins(length, parties, deps.random) : draft.pins;
    const settings = isDrawn ? { ...draft.settings, generatePinLength: length } : draft.settings;
    const most = isDrawn && draft.pinLength === null ? mostPins(length, pinRisk) : null;
    const claim = { ...wanted, draft: { ...draft, settings }, pins, mostPins: most };
    const at = await claimSession(deps.db, deps.vault, claim);
    if (typeof at === 'object') return { claim, at };
    // Others took the last room for this length in the meantime.
    if (at === 'room' && length < LONGEST_PIN) length += 1;
    else if (at !== 'pin' || !isDrawn || draws >= PIN_DRAWS) return at;
  }
}

/** How likely PINs are guessed that the app has fixed, or fixed the length of; 0 for others. */
function fixedPinChance({ pinRequired, pins, pinLength }: SessionDraft, { livingPins }: FoundNumber): number {
  if (!pinRequired) return 0;
  const lengths = pins === null ? [pinLength, pinLength] : [pins.first.length, pins.second.length];
  const chances = lengths.flatMap((length) =>
    length === null
      ? []
      : [guessChance((livingPins[length] ?? 0) + lengths.filter((other) => other === length).length, length)],
  );
  return Math.max(0, ...chances);
}

/** The session as it was claimed. It is not read again: a failure now would make an SDK create a second one. */
function sessionOf({
  id,
  accountId,
  virtualNumber,
  draft,
  pins,
  createdAt,
  expiresAt,
}: Claim & Claimed): MaskingSession {
  return {
    id,
    accountId,
    subaccountId: draft.subaccountId,
    virtualNumber: virtualNumber.number,
    firstParty: draft.firstParty,
    secondParty: draft.secondParty,
    firstPin: pins?.first ?? null,
    secondPin: pins?.second ?? null,
    pinRequired: draft.pinRequired,
    singleParty: draft.singleParty,
    cooloffSeconds: draft.cooloffSeconds,
    callbackUrl: draft.callbackUrl,
    callbackMethod: draft.callbackMethod,
    settings: draft.settings,
    createdAt,
    modifiedAt: createdAt,
    expiresAt,
    isLive: true,
    history: NO_HISTORY,
  };
}

async function subaccountFor(
  deps: StoreDeps,
  scope: Scope,
  wished: string | undefined,
): Promise<string | null | Refused> {
  if (wished === undefined) return scope.subaccountId;
  const account = await findAccount(deps.db, wished);
  const mayUse = account?.parentId === scope.accountId && (scope.subaccountId ?? wished) === wished;
  return mayUse ? wished : invalid('subaccount', 'is not a subaccount of this account');
}
