import type { Scope } from '../core/account.ts';
import type { Country, Phone, PhoneRules } from '../core/phone.ts';
import { generatePins } from '../core/pin.ts';
import { rankCandidates } from '../core/pool.ts';
import { invalid, isRefused, type Refused, refused } from '../core/problem.ts';
import {
  changeParties,
  draftSession,
  type MaskingSession,
  type SessionDraft,
  type SessionWish,
} from '../core/session.ts';
import type { SessionFilter } from '../core/session-filter.ts';
import { NO_HISTORY } from '../core/session-history.ts';
import type { Deps } from '../deps.ts';
import { findAccount } from '../store/accounts.ts';
import { findCandidates } from '../store/candidates.ts';
import { type Claim, type Claimed, type ClaimRefusal, claimSession } from '../store/claim.ts';
import { virtualAmong } from '../store/numbers.ts';
import { connectionsOf } from '../store/providers.ts';
import { changeSession, endSession, type SessionChange } from '../store/session-changes.ts';
import { findSession, listSessions as listStored } from '../store/sessions.ts';

const CANDIDATES_AT_ONCE = 16;
// Of eight random PINs all are taken only on a number that is full of PINs of that length.
const PIN_DRAWS = 8;

/** Makes a session on a virtual number where none of its parties, and none of its PINs, is taken. */
export async function createSession(deps: Deps, scope: Scope, wish: SessionWish): Promise<MaskingSession | Refused> {
  const subaccountId = await subaccountFor(deps, scope, wish.subaccountId);
  if (isRefused(subaccountId)) return subaccountId;
  const rules = await phoneRules(deps, scope, [wish.firstParty, wish.secondParty]);
  const checked = draftSession(wish, deps.config.session, rules);
  if (isRefused(checked)) return checked;
  const own = await ownNumberAmong(deps, { first_party: checked.firstParty, second_party: checked.secondParty });
  if (own) return own;

  const draft = { ...checked, subaccountId };
  const id = deps.newUuid();
  const tried: number[] = [];
  for (;;) {
    const candidates = await findCandidates(deps.db, deps.vault, scope.accountId, draft, tried, CANDIDATES_AT_ONCE);
    if (candidates.length === 0) return refused({ kind: 'pool_exhausted' });
    for (const virtualNumber of rankCandidates(candidates, deps.random)) {
      const outcome = await claimNumber(deps, { id, accountId: scope.accountId, virtualNumber, draft, pins: null });
      if (typeof outcome === 'object') {
        if (draft.settings.initiateCallToFirstParty) deps.placer.wake();
        return sessionOf({ ...outcome.claim, ...outcome.at });
      }
      tried.push(virtualNumber.id);
    }
  }
}

/** One session, live or not. */
export async function getSession(deps: Deps, scope: Scope, id: string): Promise<MaskingSession | Refused> {
  const session = await findSession(deps.db, deps.vault, scope, id);
  return session ?? refused({ kind: 'not_found', what: 'session' });
}

export function listSessions(deps: Deps, scope: Scope, filter: SessionFilter, page: { limit: number; offset: number }) {
  return listStored(deps.db, deps.vault, scope, filter, page);
}

/** Changes a live session; fields that cannot be changed in its life are ignored, as Plivo's SDKs send them. */
export async function updateSession(
  deps: Deps,
  scope: Scope,
  id: string,
  wish: SessionWish,
): Promise<MaskingSession | Refused> {
  const session = await getSession(deps, scope, id);
  if (isRefused(session)) return session;
  if (!session.isLive) return refused({ kind: 'session_expired' });
  const parties = await newParties(deps, scope, session, wish);
  if (isRefused(parties)) return parties;
  const change: SessionChange = {
    settings: changeableSettings(wish),
    ...(wish.expirySeconds === undefined ? {} : { expirySeconds: wish.expirySeconds }),
    ...(wish.callbackUrl === undefined ? {} : { callbackUrl: wish.callbackUrl }),
    ...(wish.callbackMethod === undefined ? {} : { callbackMethod: wish.callbackMethod }),
    ...(parties === null ? {} : { parties: { ...parties, pinRequired: session.pinRequired } }),
  };
  switch (await changeSession(deps.db, deps.vault, scope, id, change)) {
    case 'changed':
      return getSession(deps, scope, id);
    case 'ended':
      return refused({ kind: 'session_expired' });
    case 'lease':
      return invalid(changedParty(session, parties), 'is already in a session on this virtual number');
  }
}

/** The party that an update changes, on the wire; the claim of both does not tell which one was taken. */
function changedParty(session: MaskingSession, parties: { first: Phone | null; second: Phone | null } | null): string {
  if (parties?.first === session.firstParty) return 'second_party';
  return parties?.second === session.secondParty ? 'first_party' : 'first_party or second_party';
}

/** Ends a session now. */
export async function deleteSession(deps: Deps, scope: Scope, id: string): Promise<Refused | null> {
  const session = await getSession(deps, scope, id);
  if (isRefused(session)) return session;
  return (await endSession(deps.db, scope, id)) ? null : refused({ kind: 'session_expired' });
}

/** The claim that was successful, with the PINs that it was made with, or why there was none. */
async function claimNumber(deps: Deps, claim: Claim): Promise<ClaimRefusal | { claim: Claim; at: Claimed }> {
  const { draft } = claim;
  const isDrawn = draft.pinRequired && draft.pins === null;
  const parties = [draft.firstParty, draft.secondParty];
  for (let draws = 1; ; draws++) {
    const pins = isDrawn ? generatePins(draft.settings.generatePinLength, parties, deps.random) : draft.pins;
    const at = await claimSession(deps.db, deps.vault, { ...claim, pins });
    if (typeof at === 'object') return { claim: { ...claim, pins }, at };
    if (at !== 'pin' || !isDrawn || draws === PIN_DRAWS) return at;
  }
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

async function subaccountFor(deps: Deps, scope: Scope, wished: string | undefined): Promise<string | null | Refused> {
  if (wished === undefined) return scope.subaccountId;
  const account = await findAccount(deps.db, wished);
  const mayUse = account?.parentId === scope.accountId && (scope.subaccountId ?? wished) === wished;
  return mayUse ? wished : invalid('subaccount', 'is not a subaccount of this account');
}

/**
 * How the account writes phones: national forms are read in the default country of its connections, where
 * they agree on one.
 */
export async function phoneRules(
  deps: Deps,
  scope: Scope,
  texts: readonly (string | undefined)[],
): Promise<PhoneRules> {
  const strict = deps.config.strictPhones;
  if (texts.every((text) => text === undefined || text.startsWith('+'))) return { defaultCountry: null, strict };
  const connections = await connectionsOf(deps.db, scope.accountId);
  const countries = new Set(connections.flatMap(({ defaultCountry }) => (defaultCountry ? [defaultCountry] : [])));
  const [only] = countries;
  return { defaultCountry: countries.size === 1 ? (only as Country) : null, strict };
}

async function ownNumberAmong(deps: Deps, parties: Record<string, Phone | null>): Promise<Refused | null> {
  const phones = Object.values(parties).filter((phone) => phone !== null);
  const own = await virtualAmong(deps.db, phones);
  const field = Object.keys(parties).find((name) => own.some((phone) => phone === parties[name]));
  return field === undefined ? null : invalid(field, 'is a virtual number');
}

async function newParties(deps: Deps, scope: Scope, session: MaskingSession, wish: SessionWish) {
  if (!session.singleParty || (wish.firstParty === undefined && wish.secondParty === undefined)) return null;
  const rules = await phoneRules(deps, scope, [wish.firstParty, wish.secondParty]);
  const parties = changeParties(session, wish, rules);
  if (isRefused(parties)) return parties;
  const own = await ownNumberAmong(deps, { first_party: parties.first, second_party: parties.second });
  return own ?? parties;
}

/** The settings among a wish's that Plivo's API lets an update change. */
function changeableSettings({ settings }: SessionWish): SessionChange['settings'] {
  const changeable = [
    'callTimeLimitSeconds',
    'ringTimeoutSeconds',
    'record',
    'recordFormat',
    'recordingCallbackUrl',
    'recordingCallbackMethod',
    'firstPartyPlayUrl',
    'secondPartyPlayUrl',
  ] as const satisfies readonly (keyof SessionDraft['settings'])[];
  return Object.fromEntries(
    changeable.flatMap((name) => (settings[name] === undefined ? [] : [[name, settings[name]]])),
  );
}
