import { timingSafeEqual } from 'node:crypto';
import { type Account, AUTH_ID } from '../core/account.ts';
import type { Deps } from '../deps.ts';
import { findAccount } from '../store/accounts.ts';

const NOBODY = Buffer.alloc(16);

/** The account that signs in with this token; null for a wrong token as for an unknown account. */
export async function signIn({ db, vault }: Deps, id: string, token: string): Promise<Account | null> {
  const account = AUTH_ID.test(id) ? await findAccount(db, id) : null;
  // An unknown account takes the same comparison, so that its answer takes the same time.
  const right = timingSafeEqual(account?.tokenDigest ?? NOBODY, vault.secretDigest(token));
  return right ? account : null;
}

/** The account that a path names, where the one that signed in may act for it: itself or its subaccount. */
export async function actingFor({ db }: Deps, signedIn: Account, id: string): Promise<Account | null> {
  if (id === signedIn.id) return signedIn;
  const account = AUTH_ID.test(id) ? await findAccount(db, id) : null;
  return account?.parentId === signedIn.id ? account : null;
}
