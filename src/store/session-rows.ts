import { type InferSelectModel, sql } from 'drizzle-orm';
import type { Interaction } from '../core/interaction.ts';
import type { Phone } from '../core/phone.ts';
import type { MaskingSession, Side } from '../core/session.ts';
import { sessions } from './schema.ts';
import { toSettings } from './stored-settings.ts';
import type { Vault } from './vault.ts';

/** Which of a session's sealed columns a ciphertext belongs to. */
type SealedColumn = 'first_party' | 'second_party' | 'first_pin' | 'second_pin' | 'last_caller';

/** The context that a session's ciphertexts are bound to, see `Vault.seal`. */
export function sessionSeal(column: SealedColumn, sessionId: string): string {
  return `sessions.${column}:${sessionId}`;
}

/** True as long as the session connects calls, by the database's clock. */
export const isLive = sql<boolean>`${sessions.endedAt} is null and ${sessions.expiresAt} > now()`;

/** Part of a statement: the calls `c` that are running. */
export const runningCalls = sql`calls c where not c.is_over and c.outcome in ('connected', 'placed')`;

/** True while a call of the session is running. Looked up for each, however many run elsewhere: the offset sees to it. */
export const isInProgress = sql<boolean>`exists (select from ${runningCalls} and c.session_id = ${sessions.id} offset 0)`;

/** A row as the ORM reads it, with its virtual number and the judgements whether it is live and in progress. */
export interface SessionRow {
  readonly session: InferSelectModel<typeof sessions>;
  readonly number: Phone;
  readonly isLive: boolean;
  readonly isInProgress: boolean;
}

/** Opens a row. @throws when it was sealed with another key. */
export function toSession(
  vault: Vault,
  { session: row, number, isLive, isInProgress }: SessionRow,
  interactions: readonly Interaction[],
): MaskingSession {
  const open = (cipher: Buffer | null, column: SealedColumn) =>
    cipher === null ? null : vault.open(cipher, sessionSeal(column, row.id));
  return {
    id: row.id,
    accountId: row.accountId,
    subaccountId: row.subaccountId,
    virtualNumber: number,
    firstParty: open(row.firstPartyCipher, 'first_party') as Phone | null,
    secondParty: open(row.secondPartyCipher, 'second_party') as Phone | null,
    firstPin: open(row.firstPinCipher, 'first_pin'),
    secondPin: open(row.secondPinCipher, 'second_pin'),
    pinRequired: row.pinRequired,
    singleParty: row.singleParty,
    cooloffSeconds: row.cooloffSeconds,
    callbackUrl: row.callbackUrl,
    callbackMethod: row.callbackMethod,
    settings: toSettings(row.settings),
    createdAt: row.createdAt,
    modifiedAt: row.modifiedAt,
    expiresAt: row.expiresAt,
    isLive,
    history: {
      isInProgress,
      legs: row.totalCalls,
      billedSeconds: row.totalBilledSeconds,
      amount: row.totalAmount,
      lastInteractionAt: row.lastInteractionAt,
      interactions,
    },
  };
}

/** A party's digest and ciphertext for one session; nulls for a party that is not known yet. */
export function sealParty(vault: Vault, sessionId: string, side: Side, phone: Phone | null) {
  if (phone === null) return { digest: null, cipher: null };
  return { digest: vault.phoneDigest(phone), cipher: vault.seal(phone, sessionSeal(`${side}_party`, sessionId)) };
}
