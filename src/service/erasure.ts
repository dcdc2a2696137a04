import type { Scope } from '../core/account.ts';
import { type Country, type Phone, parsePhone } from '../core/phone.ts';
import { invalid, type Refused } from '../core/problem.ts';
import type { Deps } from '../deps.ts';
import { type CallsToErase, deleteExchanges, eraseCalls, strayExchanges } from '../store/erase-calls.ts';
import {
  type ErasedPhone,
  eraseSessions,
  forgetLastCaller,
  forgetPlaces,
  sessionsWith,
} from '../store/erase-sessions.ts';
import { type Erasure, listErasures, noteErasure, scopeOfAccount } from '../store/erasures.ts';
import type { Vault } from '../store/vault.ts';
import { phoneRules } from './parties.ts';
import { getSession } from './sessions.ts';

/** How much was erased. */
export interface Erased {
  readonly sessions: number;
  readonly calls: number;
  readonly exchanges: number;
  /** False where the time did not suffice: the same again goes on. */
  readonly isComplete: boolean;
}

const SESSIONS_AT_ONCE = 50;
const CALLS_AT_ONCE = 500;
const EXCHANGES_AT_ONCE = 500;
// Of the ten seconds that a request has.
const REQUEST_MS = 7_000;

type Needs = Pick<Deps, 'db' | 'vault' | 'now'>;

/** Removes all that tells who took part in a session; it ends first where it is live. Repeatable. */
export async function eraseSession(deps: Deps, scope: Scope, id: string): Promise<Refused | null> {
  const session = await getSession(deps, scope, id);
  if ('problem' in session) return session;
  await deps.exchanges.flush();
  await eraseWhole(deps, scope, [id]);
  return null;
}

/** Removes a phone from all that the account has, with the sessions and calls in which it takes part. Repeatable. */
export async function eraseNumber(deps: Deps, scope: Scope, text: string): Promise<Erased | Refused> {
  const phone = parsePhone(text.trim(), await phoneRules(deps, scope, [text.trim()]));
  if (phone === null) return invalid('number', 'is not a valid phone number');
  const digest = deps.vault.phoneDigest(phone);
  await noteErasure(deps.db, scope, digest);
  await deps.exchanges.flush();
  return erasePhone(deps, scope, { digest, before: null }, deps.now().getTime() + REQUEST_MS);
}

/** What has been erased, to be kept outside the database. */
export function exportErasures({ db }: Pick<Deps, 'db'>): Promise<readonly Erasure[]> {
  return listErasures(db);
}

/** Erases again what a restored backup brought back, and nothing that came after its erasure. Repeatable. */
export async function applyErasure(deps: Needs, erasure: Erasure): Promise<Erased> {
  const known = await scopeOfAccount(deps.db, erasure.accountId);
  if (known === null) return { sessions: 0, calls: 0, exchanges: 0, isComplete: true };
  // Booked anew, since the backup brought back an audit log from before.
  const scope: Scope = { ...known, by: { actor: 'system', requestId: null, fields: [] } };
  if ('sessionId' in erasure) return eraseWhole(deps, scope, [erasure.sessionId]);
  const { phoneDigest: digest, at } = erasure;
  await noteErasure(deps.db, scope, digest, at);
  return erasePhone(deps, scope, { digest, before: at }, Number.POSITIVE_INFINITY);
}

async function erasePhone(deps: Needs, scope: Scope, phone: ErasedPhone, untilMs: number): Promise<Erased> {
  const sum = { sessions: 0, calls: 0, exchanges: 0 };
  const isLate = () => deps.now().getTime() > untilMs;
  for (;;) {
    const ids = await sessionsWith(deps.db, scope, phone, SESSIONS_AT_ONCE);
    if (ids.length === 0) break;
    add(sum, await eraseWhole(deps, scope, ids));
    if (isLate()) return { ...sum, isComplete: false };
  }
  await forgetLastCaller(deps.db, deps.vault, scope, phone);
  add(sum, await eraseAllCalls(deps, scope, { phone }));
  await forgetPlaces(deps.db, scope, phone);
  for (let after: number | null = 0; after !== null; ) {
    if (isLate()) return { ...sum, isComplete: false };
    const page = await strayExchanges(deps.db, deps.vault, scope, phone.before, after, EXCHANGES_AT_ONCE);
    const ids = page.exchanges.filter((one) => mentions(deps.vault, one, phone.digest)).map(({ id }) => id);
    if (ids.length > 0) await deleteExchanges(deps.db, ids);
    add(sum, { exchanges: ids.length });
    after = page.next;
  }
  return { ...sum, isComplete: true };
}

/** Sessions and their calls. */
export async function eraseWhole(deps: Pick<Needs, 'db'>, scope: Scope, ids: readonly string[]): Promise<Erased> {
  const sessions = await eraseSessions(deps.db, scope, ids);
  return { sessions, ...(await eraseAllCalls(deps, scope, { sessionIds: ids })), isComplete: true };
}

/** Calls, with their exchanges. */
export async function eraseAllCalls(deps: Pick<Needs, 'db'>, scope: Scope | null, which: CallsToErase) {
  const sum = { calls: 0, exchanges: 0 };
  for (;;) {
    const erased = await eraseCalls(deps.db, scope, which, CALLS_AT_ONCE);
    add(sum, erased);
    if (erased.calls < CALLS_AT_ONCE) return sum;
  }
}

function add(sum: Record<string, number>, more: object): void {
  for (const [name, count] of Object.entries(more)) if (name in sum) sum[name] = (sum[name] ?? 0) + count;
}

/** Whether a phone of that digest stands in the text, as digits with country code or as people write it there. */
function mentions(vault: Vault, { text, country }: { text: string; country: string | null }, digest: Buffer): boolean {
  const runs = new Set(text.match(/\d{7,15}/g) ?? []);
  return [...runs].some((run) => {
    const local = country === null ? null : parsePhone(run, { defaultCountry: country as Country, strict: false });
    return [`+${run}` as Phone, local].some((phone) => phone !== null && vault.phoneDigest(phone).equals(digest));
  });
}
