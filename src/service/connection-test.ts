import type { Scope } from '../core/account.ts';
import type { Phone } from '../core/phone.ts';
import { type Refused, refused } from '../core/problem.ts';
import type { Deps } from '../deps.ts';
import type { PretendProvider } from '../simulator/provider.ts';
import type { Carry, WireAnswer } from '../simulator/wire.ts';
import { type Connection, connectionOfNumber, listConnections } from '../store/providers.ts';
import { PROVIDERS } from './simulate.ts';

export interface ConnectionTest {
  readonly dialect: string;
  readonly status: number;
  readonly milliseconds: number;
  /** Without the connection's key. */
  readonly document: string;
  /** What is wrong with the answer; null for a document that the provider would take. */
  readonly fault: string | null;
}

// Of numbers that are given to nobody, for films and the like.
const FICTIONAL = Array.from({ length: 100 }, (_, i) => `+12025550${100 + i}` as Phone);

/**
 * Asks the connection's answer webhook as its provider does, signed, about a call to a number that the account does not
 * have: it is sent off, so that nothing is booked but the exchange itself.
 */
export async function testConnection(
  deps: Deps,
  scope: Scope,
  id: string,
  door: Carry,
): Promise<ConnectionTest | Refused> {
  if (scope.subaccountId !== null) return refused({ kind: 'main_account_only' });
  const connections = await listConnections(deps.db, deps.vault, scope.accountId);
  const connection = connections.find((one) => String(one.id) === id);
  const make = connection && PROVIDERS[connection.dialect];
  if (connection === undefined || make === undefined) return refused({ kind: 'not_found', what: 'connection' });
  const { secrets, dialect } = connection;
  const provider = make({
    ...{ callId: deps.newUuid(), from: null, to: await nobodysNumber(deps, connection), startedAt: deps.now() },
    ...{ answerUrl: `${deps.config.publicUrl}/answer/${secrets.key}/`, credentials: secrets },
  });
  const began = deps.now().getTime();
  const answer = await door(provider.firstQuestion());
  const milliseconds = deps.now().getTime() - began;
  // Whoever tests looks at the log next.
  await deps.exchanges.flush();
  const document = answer.body.replaceAll(secrets.key, '…');
  return { dialect, status: answer.status, milliseconds, document, fault: faultOf(provider, answer) };
}

async function nobodysNumber({ db, vault }: Deps, { accountId }: Connection): Promise<Phone> {
  for (const number of FICTIONAL) {
    if ((await connectionOfNumber(db, vault, accountId, number)) === null) return number;
  }
  throw new Error('an account with every fictional number');
}

function faultOf(provider: PretendProvider, { status, contentType, body }: WireAnswer): string | null {
  if (status !== 200) return `The answer is ${status}.`;
  if (!provider.mediaType.test(contentType)) return `The answer is ${contentType || 'of no type'}.`;
  try {
    const unknown = provider.read(body).find(({ kind }) => kind === 'unknown');
    return unknown === undefined ? null : 'The document has an instruction that the provider does not know.';
  } catch (error) {
    return `The document cannot be read: ${error instanceof Error ? error.message : error}.`;
  }
}
