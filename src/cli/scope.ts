import { type Scope, scopeOf } from '../core/account.ts';
import type { StoreDeps } from '../deps.ts';
import { accountNamed, everyAccount } from '../service/operator.ts';
import { Failed, type Given, type Option } from './command.ts';

export const accountOption: Readonly<Record<string, Option>> = {
  account: { value: 'ID', about: 'MA… or SA…; not needed where there is one main account' },
};

/** Whose things a command is about. What it changes is booked as the operator's. */
export async function scopeFor(deps: StoreDeps, given: Given, fields: readonly string[] = []): Promise<Scope> {
  const id = given.texts.account;
  const account = id === undefined ? await onlyAccount(deps) : await accountNamed(deps, id);
  if (account === null) throw new Failed('There is no such account: see "accounts list".');
  return { ...scopeOf(account), by: { actor: 'operator', requestId: null, fields } };
}

async function onlyAccount(deps: StoreDeps) {
  const mains = (await everyAccount(deps)).filter(({ parentId }) => parentId === null);
  if (mains.length > 1) throw new Failed('There are several accounts: say which by --account.');
  return mains[0] ?? null;
}
