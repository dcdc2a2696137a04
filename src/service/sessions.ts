import type { Scope } from '../core/account.ts';
import type { ListPage } from '../core/page.ts';
import type { Phone } from '../core/phone.ts';
import { invalid, isRefused, type Refused, refused } from '../core/problem.ts';
import { changeParties, type MaskingSession, type SessionDraft, type SessionWish } from '../core/session.ts';
import type { SessionFilter } from '../core/session-filter.ts';
import type { StoreDeps } from '../deps.ts';
import { virtualAmong } from '../store/numbers.ts';
import { findPolicy } from '../store/policies.ts';
import { changeSession, endSession, type SessionChange } from '../store/session-changes.ts';
import { findSession, listSessions as listStored } from '../store/sessions.ts';
import { partiesFault, phoneRules } from './parties.ts';

/** One session, live or not. */
export async function getSession(deps: StoreDeps, scope: Scope, id: string): Promise<MaskingSession | Refused> {
  const session = await findSession(deps.db, deps.vault, scope, id);
  return session ?? refused({ kind: 'not_found', what: 'session' });
}

export function listSessions(deps: StoreDeps, scope: Scope, filter: SessionFilter, page: ListPage) {
  return listStored(deps.db, deps.vault, scope, filter, page);
}

/** Changes a live session; fields that cannot be changed in its life are ignored, as Plivo's SDKs send them. */
export async function updateSession(
  deps: StoreDeps,
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
export async function deleteSession(deps: StoreDeps, scope: Scope, id: string): Promise<Refused | null> {
  const session = await getSession(deps, scope, id);
  if (isRefused(session)) return session;
  return (await endSession(deps.db, scope, id)) ? null : refused({ kind: 'session_expired' });
}

async function newParties(deps: StoreDeps, scope: Scope, session: MaskingSession, wish: SessionWish) {
  if (!session.singleParty || (wish.firstParty === undefined && wish.secondParty === undefined)) return null;
  const rules = await phoneRules(deps, scope, [wish.firstParty, wish.secondParty]);
  const parties = changeParties(session, wish, rules);
  if (isRefused(parties)) return parties;
  const policy = await findPolicy(deps.db, scope.accountId);
  const { first, second } = parties;
  const virtual = await virtualAmong(
    deps.db,
    [first, second].filter((phone) => phone !== null),
  );
  return partiesFault(policy, { first_party: first, second_party: second }, virtual) ?? parties;
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
