import { tokenSeal } from './accounts.ts';
import { calleeSeal, callerSeal } from './calls.ts';
import { contentSeal } from './exchanges.ts';
import { connectionSeal } from './providers.ts';
import { sessionSeal } from './session-rows.ts';
import { secretSeal } from './signing-secrets.ts';
import { SAMPLE_CONTEXT } from './vault-check.ts';

/** What names a row of a table with ciphertexts. */
interface SealedTable {
  readonly table: string;
  readonly key: string;
  readonly keyType: 'uuid' | 'text' | 'integer' | 'bigint' | 'smallint';
  /** SQL for what the contexts of its ciphertexts are made of. */
  readonly bound: string;
}

/** A column of ciphertexts, and what each of them is bound to. */
export interface SealedColumn extends SealedTable {
  readonly column: string;
  readonly context: (bound: string) => string;
}

const byId = (table: string, keyType: SealedTable['keyType']) => ({ table, key: 'id', keyType, bound: 'id::text' });
const sessions = byId('sessions', 'uuid');
const calls = byId('calls', 'uuid');
const providers = { ...byId('providers', 'integer'), bound: "encode(key_digest, 'hex')" };
const exchanges = { ...byId('exchanges', 'bigint'), bound: 'content_key::text' };
const answers = { ...byId('idempotency_keys', 'uuid'), key: 'resource_id', bound: 'resource_id::text' };
const checks = { ...byId('vault_checks', 'smallint'), key: 'slot', bound: "''" };

/** Every column that holds ciphertexts: one that were not here could not be read after a change of keys. */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  { ...sessions, column: 'first_party_cipher', context: (id) => sessionSeal('first_party', id) },
  { ...sessions, column: 'second_party_cipher', context: (id) => sessionSeal('second_party', id) },
  { ...sessions, column: 'first_pin_cipher', context: (id) => sessionSeal('first_pin', id) },
  { ...sessions, column: 'second_pin_cipher', context: (id) => sessionSeal('second_pin', id) },
  { ...sessions, column: 'last_caller_cipher', context: (id) => sessionSeal('last_caller', id) },
  { ...calls, column: 'caller_cipher', context: callerSeal },
  { ...calls, column: 'callee_cipher', context: calleeSeal },
  { ...exchanges, column: 'content_cipher', context: contentSeal },
  { ...answers, column: 'answer_cipher', context: (id) => `idempotency_keys.answer:${id}` },
  { ...byId('accounts', 'text'), column: 'token_cipher', context: tokenSeal },
  { ...providers, column: 'secrets_cipher', context: (digest) => connectionSeal(Buffer.from(digest, 'hex')) },
  { ...byId('signing_secrets', 'uuid'), column: 'secret_cipher', context: secretSeal },
  { ...checks, column: 'sample_cipher', context: () => SAMPLE_CONTEXT },
];
