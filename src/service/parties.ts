import type { Scope } from '../core/account.ts';
import type { CallPolicy } from '../core/call-policy.ts';
import { destinationFault } from '../core/call-policy.ts';
import type { Country, Phone, PhoneRules } from '../core/phone.ts';
import { invalid, type Refused } from '../core/problem.ts';
import type { StoreDeps } from '../deps.ts';
import { connectionsOf } from '../store/providers.ts';

/** Parties by the names of their fields on the wire. */
type Parties = Readonly<Record<'first_party' | 'second_party', Phone | null>>;

/**
 * How the account writes phones: national forms are read in the default country of its connections, where
 * they agree on one.
 */
export async function phoneRules(
  deps: StoreDeps,
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

/**
 * Why parties may not be called: virtual numbers would call themselves, others are forbidden by the policy.
 *
 * @param virtual those of them that are virtual numbers.
 */
export function partiesFault(policy: CallPolicy, parties: Parties, virtual: readonly Phone[]): Refused | null {
  for (const [field, phone] of Object.entries(parties)) {
    const rule = phone === null ? null : destinationFault(policy, phone);
    if (rule !== null) return invalid(field, rule);
  }
  const field = Object.keys(parties).find((name) => virtual.some((phone) => phone === parties[name as keyof Parties]));
  return field === undefined ? null : invalid(field, 'is a virtual number');
}
