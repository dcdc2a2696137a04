import * as z from 'zod';
import { AUTH_ID } from '../core/account.ts';
import { countryOf, isCountry, isPhone, type Phone } from '../core/phone.ts';
import type { Deps } from '../deps.ts';
import { putAccount } from '../store/accounts.ts';
import { putNumbers } from '../store/numbers.ts';
import { putConnection } from '../store/providers.ts';

/** Thrown for a bootstrap file that cannot be applied; its message lists every fault and no secret. */
export class BootstrapError extends Error {}

const authId = z.string().regex(AUTH_ID, 'must be MA or SA and 18 capital letters and digits');
const providerKey = z.string().regex(/^[A-Za-z0-9_-]{16,128}$/, 'must be 16 to 128 letters, digits, - and _');
const phone = z
  .string()
  .refine(isPhone, 'must be a phone in E.164 with +')
  .transform((text) => text as Phone);
const playUrl = z.url({ protocol: /^https?$/ }).max(1000);
const secret = z.string().min(1).max(256);

const account = z.strictObject({
  auth_id: authId,
  auth_token: secret,
  name: z.string().min(1).max(100),
  parent: authId.optional(),
});

const connection = {
  key: providerKey,
  account: authId,
  default_country: z.string().refine(isCountry, 'must be a country code such as TR').optional(),
  default_number: phone.optional(),
  success_play: playUrl.optional(),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'must be a currency code such as USD')
    .optional(),
  failure_play: playUrl.optional(),
};

const provider = z.discriminatedUnion('dialect', [
  z.strictObject({
    ...connection,
    dialect: z.literal('plivo'),
    auth_token: secret.optional(),
    // Needed for calls that we place.
    auth_id: z.string().regex(AUTH_ID, 'must be MA or SA and 18 capital letters and digits').optional(),
    api_url: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).optional(),
    // Plivo has no extensions of ours to connect to.
    fallback_destination: phone.optional(),
  }),
  z
    .strictObject({
      ...connection,
      dialect: z.literal('hipcall'),
      username: secret.optional(),
      password: secret.optional(),
      fallback_destination: z
        .string()
        .regex(/^([0-9]{2,6}|\+[1-9][0-9]{6,14})$/, 'must be an extension or a phone in E.164 with +')
        .optional(),
    })
    .refine((p) => (p.username === undefined) === (p.password === undefined), 'username and password go together'),
]);

const number = z.strictObject({
  number: phone,
  account: authId,
  provider: providerKey,
  alias: z.string().max(100).optional(),
});

const bootstrapFile = z
  .strictObject({ accounts: z.array(account), providers: z.array(provider), numbers: z.array(number) })
  .superRefine((file, context) => {
    const fault = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
    const parents = new Map(file.accounts.map((a) => [a.auth_id, a.parent ?? null]));
    const owners = new Map(file.providers.map((p) => [p.key, p.account]));
    for (const i of repeated(file.accounts.map((a) => a.auth_id))) fault(['accounts', i, 'auth_id'], TWICE);
    for (const i of repeated(file.providers.map((p) => p.key))) fault(['providers', i, 'key'], TWICE);
    for (const i of repeated(file.numbers.map((n) => n.number))) fault(['numbers', i, 'number'], TWICE);
    file.accounts.forEach((a, i) => {
      const isSub = a.auth_id.startsWith('S');
      if (isSub !== (a.parent !== undefined))
        fault(['accounts', i, 'parent'], 'goes with SA… accounts, and only with them');
      if (a.parent !== undefined && parents.get(a.parent) !== null)
        fault(['accounts', i, 'parent'], 'is no main account of this file');
    });
    file.providers.forEach((p, i) => {
      if (parents.get(p.account) !== null) fault(['providers', i, 'account'], 'is no main account of this file');
    });
    file.numbers.forEach((n, i) => {
      const main = parents.get(n.account) ?? n.account;
      if (!parents.has(n.account)) fault(['numbers', i, 'account'], 'is no account of this file');
      if (owners.get(n.provider) !== main) fault(['numbers', i, 'provider'], 'is no connection of that account');
      if (countryOf(n.number) === null) fault(['numbers', i, 'number'], 'belongs to no country');
    });
  });

const TWICE = 'is declared twice';

export type Bootstrap = z.output<typeof bootstrapFile>;

/** Reads a bootstrap file's text. @throws BootstrapError with all faults at once. */
export function parseBootstrap(text: string): Bootstrap {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new BootstrapError('The bootstrap file is not JSON.');
  }
  const result = bootstrapFile.safeParse(json);
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => `  ${issue.path.join('.') || 'file'}: ${issue.message}`);
  throw new BootstrapError(`The bootstrap file has faults:\n${faults.join('\n')}`);
}

/** Brings accounts, connections and numbers to what is declared. Repeatable; what is not declared stays. */
export async function applyBootstrap({ db, vault }: Pick<Deps, 'db' | 'vault'>, file: Bootstrap): Promise<void> {
  const parents = new Map(file.accounts.map((a) => [a.auth_id, a.parent ?? null]));
  for (const a of file.accounts) {
    await putAccount(db, vault, { id: a.auth_id, parentId: a.parent ?? null, name: a.name }, a.auth_token);
  }
  const ids = new Map<string, number>();
  for (const p of file.providers) ids.set(p.key, await putProvider({ db, vault }, p));
  for (const n of file.numbers) {
    const parent = parents.get(n.account) ?? null;
    const providerId = ids.get(n.provider);
    const country = countryOf(n.number);
    if (providerId === undefined || country === null) throw new BootstrapError('a number that was not checked');
    const accountId = parent ?? n.account;
    const place = { accountId, subaccountId: parent === null ? null : n.account, providerId, alias: n.alias ?? null };
    const outcome = await putNumbers(db, 'operator', place, [{ number: n.number, country }]);
    if (outcome === 'taken') throw new BootstrapError(`The number ${n.number} is held by sessions of another account.`);
  }
}

/** Reads one declared connection. @throws BootstrapError with all faults at once. */
export function parseProvider(json: unknown): Bootstrap['providers'][number] {
  const result = provider.safeParse(json);
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => `  ${issue.path.join('.') || 'connection'}: ${issue.message}`);
  throw new BootstrapError(`The connection has faults:\n${faults.join('\n')}`);
}

/** Brings a connection to what is declared. Repeatable. @returns its id. */
export function putProvider(
  { db, vault }: Pick<Deps, 'db' | 'vault'>,
  p: Bootstrap['providers'][number],
): Promise<number> {
  return putConnection(db, vault, {
    accountId: p.account,
    dialect: p.dialect,
    defaultCountry: p.default_country ?? null,
    defaultNumber: p.default_number ?? null,
    successPlayUrl: p.success_play ?? '',
    failurePlayUrl: p.failure_play ?? '',
    secrets: {
      key: p.key,
      ...(p.currency !== undefined && { currency: p.currency }),
      ...(p.dialect === 'plivo' && p.auth_id !== undefined && { authId: p.auth_id }),
      ...(p.dialect === 'plivo' && p.api_url !== undefined && { apiUrl: p.api_url.replace(/\/+$/, '') }),
      ...(p.dialect === 'plivo' && p.auth_token !== undefined && { authToken: p.auth_token }),
      ...(p.dialect === 'hipcall' && p.username !== undefined && { username: p.username }),
      ...(p.dialect === 'hipcall' && p.password !== undefined && { password: p.password }),
      ...(p.fallback_destination !== undefined && { fallbackDestination: p.fallback_destination }),
    },
  });
}

/** The places of values that stand in the list before. */
function repeated(values: readonly string[]): number[] {
  return values.flatMap((value, i) => (values.indexOf(value) < i ? [i] : []));
}
