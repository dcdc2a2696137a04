import type { RandomInt } from './pin.ts';

/**
 * Whose things a request may see: a main account sees its own and its subaccounts', a subaccount only its
 * own. Every read and write of the API is bound to one.
 */
export interface Scope {
  /** The main account, `MA…`. */
  readonly accountId: string;
  /** `SA…` where the request speaks for a subaccount. */
  readonly subaccountId: string | null;
  /** Who asks, to be booked with what they change. */
  readonly by?: Requester;
}

/** Who asks for a change: the auth id that signed in, the request, and the names of the fields that it gave. */
export interface Requester {
  readonly actor: string;
  /** Null for what the service does by itself. */
  readonly requestId: string | null;
  readonly fields: readonly string[];
}

export interface Account {
  readonly id: string;
  /** Set for a subaccount. */
  readonly parentId: string | null;
  readonly name: string;
  /** False: it may neither sign in nor have its calls answered. */
  readonly enabled: boolean;
}

/** Whether it is there to try the service with, so that pretended calls may be booked as if they were real. */
export function isDemo({ name, parentId }: Pick<Account, 'name' | 'parentId'>): boolean {
  return parentId === null && name === DEMO_NAME;
}

export const DEMO_NAME = 'demo';

const AUTH_ID_CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const AUTH_ID_LENGTH = 18;

/** An auth id that nobody has: of a main account behind `MA`, of a subaccount behind `SA`. */
export function drawAuthId(kind: 'MA' | 'SA', random: RandomInt): string {
  const draw = () => AUTH_ID_CHARACTERS[random(AUTH_ID_CHARACTERS.length)];
  return `${kind}${Array.from({ length: AUTH_ID_LENGTH }, draw).join('')}`;
}

/** `MA` or `SA` and 18 capital letters and digits. */
export const AUTH_ID = /^(M|S)A[A-Z0-9]{18}$/;

export function scopeOf(account: Pick<Account, 'id' | 'parentId'>): Scope {
  return account.parentId === null
    ? { accountId: account.id, subaccountId: null }
    : { accountId: account.parentId, subaccountId: account.id };
}
