import { timingSafeEqual } from 'node:crypto';
import { type Account, AUTH_ID } from '../core/account.ts';
import type { Deps } from '../deps.ts';
import { findAccount, signingInFinder } from '../store/accounts.ts';
import { countOne, purgeWindows, type Rate } from '../store/windows.ts';

const NOBODY = Buffer.alloc(16);
// Of one address for one auth id: tokens cannot be guessed, but whoever tries should be slow and seen.
const BAD_SIGN_INS: Rate = { most: 10, seconds: 60 };
const findSigningIn = signingInFinder(BAD_SIGN_INS);
// As Plivo's.
const REQUESTS_SECONDS = 5;

export type SignIn =
  | { readonly kind: 'signed_in'; readonly account: Account }
  | { readonly kind: 'wrong' }
  | { readonly kind: 'blocked'; readonly seconds: number };

/**
 * Who signs in with this token. A wrong token, an unknown account and one that is disabled are told apart by nothing.
 *
 * @param address where the request comes from; kept as a digest, since it may be a person's.
 */
export async function signIn({ db, vault, log }: Deps, id: string, token: string, address: string): Promise<SignIn> {
  const isPossible = AUTH_ID.test(id);
  const subject = `sign-in:${vault.secretDigest(`${address}\0${id}`).toString('base64url')}`;
  const found = isPossible ? await findSigningIn(db, vault, { id, subject }) : null;
  if (found?.blockedSeconds) return { kind: 'blocked', seconds: found.blockedSeconds };
  const account = found?.account ?? null;
  const given = vault.secretDigest(token);
  // Two comparisons for everybody, so that an answer takes the same time for an unknown account.
  const [newest = NOBODY, former = NOBODY] = account?.tokenDigests ?? [];
  const isRight = [newest, former].map((digest) => timingSafeEqual(digest, given)).includes(true);
  if (isRight && account?.enabled) return { kind: 'signed_in', account };
  if (!isPossible) return { kind: 'wrong' };
  const seconds = await countOne(db, subject, BAD_SIGN_INS);
  log.warn({ blocked: seconds !== null }, 'sign_in.refused');
  return seconds === null ? { kind: 'wrong' } : { kind: 'blocked', seconds };
}

/** Counts a request of an account. @returns null, or after how many seconds to come back. */
export async function countRequest({ db, config }: Deps, account: Account): Promise<number | null> {
  if (config.rateLimit === 0) return null;
  return countOne(db, `requests:${account.id}`, { most: config.rateLimit, seconds: REQUESTS_SECONDS });
}

/** A job: forgets bad sign-ins that are long past. */
export function forgetSignIns({ db }: Deps): Promise<void> {
  return purgeWindows(db, BAD_SIGN_INS.seconds);
}

/** The account that a path names, where the one that signed in may act for it: itself or its subaccount. */
export async function actingFor({ db }: Deps, signedIn: Account, id: string): Promise<Account | null> {
  if (id === signedIn.id) return signedIn;
  const account = AUTH_ID.test(id) ? await findAccount(db, id) : null;
  return account?.parentId === signedIn.id ? account : null;
}
