import type { Account } from '../core/account.ts';
import type { Deps } from '../deps.ts';
import { type AccountMark, readMark } from '../store/console.ts';
import { type Connection, listConnections as listStored } from '../store/providers.ts';
import { type FailureCount, readFailures } from '../store/signature-failures.ts';

// Long enough for a shift, short enough that a machine left open is not open for ever.
const SIGNED_IN_MS = 8 * 3_600_000;
const SEAL = 'console.cookie';
const TICK_MS = 1_000;

/** What somebody signed in with, kept in their browser where only we can read it. */
export interface ConsoleSignIn {
  readonly id: string;
  readonly token: string;
}

/** Seals a sign-in for a cookie. The token is within, so that one that is revoked ends the console's visits too. */
export function sealSignIn({ vault, now }: Deps, { id, token }: ConsoleSignIn): { value: string; seconds: number } {
  const until = now().getTime() + SIGNED_IN_MS;
  const sealed = vault.seal(JSON.stringify({ id, token, until }), SEAL);
  return { value: sealed.toString('base64url'), seconds: SIGNED_IN_MS / 1000 };
}

/** Null where the text is none of ours, or its time is over. */
export function openSignIn({ vault, now }: Deps, text: string): ConsoleSignIn | null {
  try {
    const { id, token, until } = JSON.parse(vault.open(Buffer.from(text, 'base64url'), SEAL));
    return until > now().getTime() ? { id, token } : null;
  } catch {
    return null;
  }
}

/** A connection, and what of its webhooks was refused. */
export type WatchedConnection = Connection & { readonly refused: FailureCount | null };

/** The connections of an account with their keys; a subaccount has none of its own. */
export async function listConnections(deps: Deps, account: Account): Promise<readonly WatchedConnection[]> {
  if (account.parentId !== null) return [];
  const connections = await listStored(deps.db, deps.vault, account.id);
  await deps.signatureFailures.flush();
  const ids = connections.map(({ id }) => id);
  const refused = await readFailures(deps.db, ids);
  return connections.map((one) => ({ ...one, refused: refused.get(one.id) ?? null }));
}

/** Tells whoever watches an account that something has happened there. */
export interface AccountWatch {
  /** @returns what to call when nobody listens any more. */
  follow(accountId: string, tell: (mark: AccountMark) => void): () => void;
  close(): void;
}

/** Asks for an account's mark once a second while somebody follows it, however many they are. */
export function watchAccounts({ db, log }: Pick<Deps, 'db' | 'log'>): AccountWatch {
  const followed = new Map<string, { readonly tells: Set<(mark: AccountMark) => void>; timer: NodeJS.Timeout }>();

  function start(accountId: string): Set<(mark: AccountMark) => void> {
    const tells = new Set<(mark: AccountMark) => void>();
    let last: string | null = null;
    let isAsking = false;
    const timer = setInterval(async () => {
      if (isAsking) return;
      isAsking = true;
      try {
        const mark = await readMark(db, accountId);
        const text = JSON.stringify(mark);
        // The first look too: something may have happened since the page was read.
        if (text !== last) for (const tell of tells) tell(mark);
        last = text;
      } catch (err) {
        log.warn({ err }, 'console.watch_failed');
      } finally {
        isAsking = false;
      }
    }, TICK_MS);
    timer.unref();
    followed.set(accountId, { tells, timer });
    return tells;
  }

  return {
    follow(accountId, tell) {
      const tells = followed.get(accountId)?.tells ?? start(accountId);
      tells.add(tell);
      return () => {
        tells.delete(tell);
        const entry = followed.get(accountId);
        if (tells.size > 0 || entry?.tells !== tells) return;
        clearInterval(entry.timer);
        followed.delete(accountId);
      };
    },
    close() {
      for (const { timer } of followed.values()) clearInterval(timer);
      followed.clear();
    },
  };
}
