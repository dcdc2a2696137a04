import { type Db, keyed } from './connect.ts';
import type { Vault } from './vault.ts';

/** A request that carries an Idempotency-Key, by its account, method and address, key and body. */
export interface KeyedRequest {
  readonly accountId: string;
  readonly route: string;
  readonly key: string;
  readonly body: string;
  /** For what it will make, unless an earlier try has chosen another. */
  readonly resourceId: string;
}

/** The key is this request's now, another's, or has its answer already. */
export type KeyClaim =
  | { readonly kind: 'claimed'; readonly resourceId: string; readonly isTakenOver: boolean }
  | { readonly kind: 'answered'; readonly status: number; readonly body: string }
  | { readonly kind: 'running' }
  | { readonly kind: 'other_body' };

export const KEPT_HOURS = 24;
// Longer than a request may take: whoever claimed the key has died.
const ABANDONED_SECONDS = 60;

/** The context that an answer's ciphertext is bound to, see `Vault.seal`. */
export const answerSeal = (resourceId: string) => `idempotency_keys.answer:${resourceId}`;

/** Claims a key for a request, or finds what became of the one that had it. */
export async function claimKey(db: Db, vault: Vault, request: KeyedRequest): Promise<KeyClaim> {
  const { sql } = db;
  const { accountId, route } = request;
  const keyDigest = vault.secretDigest(request.key);
  const bodyDigest = vault.secretDigest(request.body);
  const [claimed] = await sql<{ resourceId: string }[]>`
    insert into idempotency_keys as k (account_id, route, key_digest, body_digest, resource_id)
    values (${accountId}, ${route}, ${keyDigest}, ${bodyDigest}, ${request.resourceId})
    on conflict (account_id, route, key_digest) do update set claimed_at = now(), body_digest = excluded.body_digest,
      resource_id = case when k.status is null and k.body_digest = excluded.body_digest then k.resource_id else excluded.resource_id end,
      status = null, answer_cipher = null
      where k.claimed_at < now() - make_interval(hours => ${KEPT_HOURS})
        or (k.status is null and k.body_digest = excluded.body_digest
          and k.claimed_at < now() - make_interval(secs => ${ABANDONED_SECONDS}))
    returning resource_id as "resourceId"`;
  if (claimed) return { kind: 'claimed', ...claimed, isTakenOver: claimed.resourceId !== request.resourceId };
  const [row] = await sql<{ bodyDigest: Buffer; status: number | null; cipher: Buffer | null; resourceId: string }[]>`
    select body_digest as "bodyDigest", status, answer_cipher as cipher, resource_id as "resourceId"
    from idempotency_keys where account_id = ${accountId} and route = ${route} and key_digest = ${keyDigest}`;
  // It was let go between the two statements; its owner's answer was no success.
  if (!row) return { kind: 'running' };
  if (!row.bodyDigest.equals(bodyDigest)) return { kind: 'other_body' };
  if (row.status === null || row.cipher === null) return { kind: 'running' };
  return { kind: 'answered', status: row.status, body: vault.open(row.cipher, answerSeal(row.resourceId)) };
}

/** Keeps the answer to the request that has claimed a key. Repeatable. */
export async function keepAnswer(
  { sql }: Db,
  vault: Vault,
  resourceId: string,
  answer: { readonly status: number; readonly body: string },
): Promise<void> {
  await keyed(
    () => sql`
    update idempotency_keys set status = ${answer.status}, answer_cipher = ${vault.seal(answer.body, answerSeal(resourceId))}
    where resource_id = ${resourceId} and status is null`,
  );
}

/** Lets a key go whose request did nothing: the same key may try again. */
export async function releaseKey({ sql }: Db, resourceId: string): Promise<void> {
  await sql`delete from idempotency_keys where resource_id = ${resourceId} and status is null`;
}
