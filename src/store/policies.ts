import { type CallPolicy, DEFAULT_POLICY, NO_CAPS } from '../core/call-policy.ts';
import type { Db } from './connect.ts';

/** What is stored of a policy: what differs from the one that everybody has. */
export type StoredPolicy = Partial<Omit<CallPolicy, 'caps'>> & { readonly caps?: Partial<CallPolicy['caps']> };

/** An account's policy as a read gives it, whether it may do anything at all, and whether today's money is spent. */
export interface GuardsRow {
  readonly policy: StoredPolicy;
  readonly enabled: boolean;
  readonly spent: boolean;
}

export function toPolicy(stored: StoredPolicy): CallPolicy {
  return { ...DEFAULT_POLICY, ...stored, caps: { ...NO_CAPS, ...stored.caps } };
}

/** The policy of a main account; that of everybody where there is no such account. */
export async function findPolicy({ sql }: Db, accountId: string): Promise<CallPolicy> {
  const [row] = await sql<{ policy: StoredPolicy }[]>`select policy from accounts where id = ${accountId}`;
  return toPolicy(row?.policy ?? {});
}

/** Changes the named parts of a policy; the rest stays. @returns the policy as it is now. */
export async function changePolicy({ sql }: Db, accountId: string, change: StoredPolicy): Promise<CallPolicy> {
  const { caps = {}, ...rest } = change;
  const [row] = await sql<{ policy: StoredPolicy }[]>`
    update accounts set modified_at = now(), policy = policy || ${JSON.stringify(rest)}::text::jsonb
      || jsonb_build_object('caps', coalesce(policy->'caps', '{}'::jsonb) || ${JSON.stringify(caps)}::text::jsonb)
    where id = ${accountId} returning policy`;
  return toPolicy(row?.policy ?? {});
}
