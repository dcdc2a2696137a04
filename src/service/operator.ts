import { type Account, drawAuthId, type Scope } from '../core/account.ts';
import type { MaskingSession } from '../core/session.ts';
import type { StoreDeps } from '../deps.ts';
import { findAccount, listAccounts, putAccount } from '../store/accounts.ts';
import { writeAudit } from '../store/audit.ts';
import { invariantFaults } from '../store/invariants.ts';
import { totalsFaults } from '../store/invariants-totals.ts';
import { type Connection, listConnections } from '../store/providers.ts';
import { listSessions } from '../store/sessions.ts';

// What only somebody at the machine may do: no request of the API reaches beyond its own account.

export function everyAccount({ db }: StoreDeps): Promise<readonly Account[]> {
  return listAccounts(db);
}

export function accountNamed({ db }: StoreDeps, id: string): Promise<Account | null> {
  return findAccount(db, id);
}

/** Makes a main account. Its token is told here and never again. */
export async function addAccount(deps: StoreDeps, name: string): Promise<{ id: string; token: string }> {
  const made = { id: drawAuthId('MA', deps.random), token: deps.newKey() };
  await putAccount(deps.db, deps.vault, { id: made.id, parentId: null, name }, made.token);
  return made;
}

/** An account's connections with their keys, which no answer of the API has. */
export function everyConnection({ db, vault }: StoreDeps, { accountId }: Scope): Promise<readonly Connection[]> {
  return listConnections(db, vault, accountId);
}

/** What must never be in the database and is; all of it is read. */
export async function everyFault({ db }: Pick<StoreDeps, 'db'>): Promise<readonly string[]> {
  return [...(await invariantFaults(db.sql)), ...(await totalsFaults(db.sql))];
}

const PAGE = 500;

/** Every session of an account, the newest first; none is missed or comes twice where others are made meanwhile. */
export async function* everySession({ db, vault, now }: StoreDeps, scope: Scope): AsyncGenerator<MaskingSession> {
  let [before, seen] = [now().getTime(), 0];
  for (;;) {
    // A date is cut to the millisecond: those of its last one that were seen are skipped.
    const filter = { createdAt: { lt: new Date(before) }, expiresAt: {}, durationSeconds: {} };
    const { sessions } = await listSessions(db, vault, scope, filter, { limit: PAGE, offset: seen });
    yield* sessions;
    const last = sessions.at(-1)?.createdAt.getTime();
    if (last === undefined || sessions.length < PAGE) return;
    const same = sessions.filter(({ createdAt }) => createdAt.getTime() === last).length;
    seen = last + 1 === before ? seen + same : same;
    before = last + 1;
  }
}

/** Books what the operator did with an account's things. */
export async function bookOperator(deps: StoreDeps, scope: Scope, action: string, object = ''): Promise<void> {
  const { accountId, by } = scope;
  const entry = { at: deps.now(), accountId, actor: 'operator', action, object };
  await writeAudit(deps.db, [{ ...entry, fields: by?.fields ?? [], requestId: null }]);
}
