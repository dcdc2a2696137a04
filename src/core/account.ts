/**
 * Whose things a request may see: a main account sees its own and its subaccounts', a subaccount only its
 * own. Every read and write of the API is bound to one.
 */
export interface Scope {
  /** The main account, `MA…`. */
  readonly accountId: string;
  /** `SA…` where the request speaks for a subaccount. */
  readonly subaccountId: string | null;
}

export interface Account {
  readonly id: string;
  /** Set for a subaccount. */
  readonly parentId: string | null;
  readonly name: string;
}

/** `MA` or `SA` and 18 capital letters and digits. */
export const AUTH_ID = /^(M|S)A[A-Z0-9]{18}$/;

export function scopeOf(account: Account): Scope {
  return account.parentId === null
    ? { accountId: account.id, subaccountId: null }
    : { accountId: account.parentId, subaccountId: account.id };
}
