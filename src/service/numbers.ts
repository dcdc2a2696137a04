import type { Scope } from '../core/account.ts';
import { countryOf, type Phone } from '../core/phone.ts';
import { invalid, isRefused, type Refused, refused } from '../core/problem.ts';
import type { StoreDeps } from '../deps.ts';
import { findAccount } from '../store/accounts.ts';
import {
  changeNumber,
  findNumber,
  listNumbers as listStored,
  type NumberFilter,
  putNumbers,
  retireNumber,
  type VirtualNumber,
} from '../store/numbers.ts';
import { connectionsOf } from '../store/providers.ts';

/** What a number can be given; `provider` is the key of one of the account's connections. */
export interface NumberWish {
  readonly alias?: string | null;
  readonly subaccountId?: string | null;
  readonly provider?: string;
}

/** Puts numbers into the pool, all or none. */
export async function addNumbers(
  deps: StoreDeps,
  scope: Scope,
  numbers: readonly Phone[],
  wish: NumberWish,
): Promise<Refused | null> {
  const subaccountId = await subaccountFor(deps, scope, wish.subaccountId ?? scope.subaccountId);
  if (isRefused(subaccountId)) return subaccountId;
  const providerId = await providerFor(deps, scope, wish.provider);
  if (isRefused(providerId)) return providerId;
  const rows = [];
  for (const number of numbers) {
    const country = countryOf(number);
    if (country === null) return invalid('numbers', 'has a number that belongs to no country');
    rows.push({ number, country });
  }
  const place = { accountId: scope.accountId, subaccountId, providerId, alias: wish.alias ?? null };
  return (await putNumbers(deps.db, scope, place, rows)) === 'put' ? null : refused({ kind: 'number_taken' });
}

export async function getNumber(deps: StoreDeps, scope: Scope, number: Phone): Promise<VirtualNumber | Refused> {
  return (await findNumber(deps.db, scope, number)) ?? refused({ kind: 'not_found', what: 'number' });
}

export function listNumbers(
  deps: StoreDeps,
  scope: Scope,
  filter: NumberFilter,
  page: { limit: number; offset: number },
) {
  return listStored(deps.db, scope, filter, page);
}

export async function updateNumber(
  deps: StoreDeps,
  scope: Scope,
  number: Phone,
  wish: NumberWish,
): Promise<Refused | null> {
  const subaccountId =
    wish.subaccountId === undefined ? undefined : await subaccountFor(deps, scope, wish.subaccountId);
  if (isRefused(subaccountId)) return subaccountId;
  const providerId = wish.provider === undefined ? undefined : await providerFor(deps, scope, wish.provider);
  if (isRefused(providerId)) return providerId;
  const found = await changeNumber(deps.db, scope, number, {
    ...(wish.alias === undefined ? {} : { alias: wish.alias }),
    ...(subaccountId === undefined ? {} : { subaccountId }),
    ...(providerId === undefined ? {} : { providerId }),
  });
  return found ? null : refused({ kind: 'not_found', what: 'number' });
}

/** Takes a number out of the pool, unless a session or a cool-off holds it. */
export async function removeNumber(deps: StoreDeps, scope: Scope, number: Phone): Promise<Refused | null> {
  if (await retireNumber(deps.db, scope, number)) return null;
  const isThere = (await findNumber(deps.db, scope, number)) !== null;
  return refused(isThere ? { kind: 'number_leased' } : { kind: 'not_found', what: 'number' });
}

async function subaccountFor(deps: StoreDeps, scope: Scope, wished: string | null): Promise<string | null | Refused> {
  if (wished === scope.subaccountId) return wished;
  if (scope.subaccountId !== null) return invalid('subaccount', 'cannot be another than your own');
  const account = wished === null ? null : await findAccount(deps.db, wished);
  if (wished !== null && account?.parentId !== scope.accountId)
    return invalid('subaccount', 'is not a subaccount of this account');
  return wished;
}

async function providerFor(deps: StoreDeps, scope: Scope, key: string | undefined): Promise<number | Refused> {
  const connections = await connectionsOf(deps.db, scope.accountId);
  if (key === undefined) {
    const [only] = connections;
    if (only && connections.length === 1) return only.id;
    return refused({ kind: 'missing', field: 'provider' });
  }
  const digest = deps.vault.secretDigest(key);
  const named = connections.find(({ keyDigest }) => keyDigest.equals(digest));
  return named?.id ?? invalid('provider', 'is not the key of a connection of this account');
}
