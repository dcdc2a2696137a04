import type { Phone } from '../core/phone.ts';
import type { Deps } from '../deps.ts';
import { loadCalls } from '../store/call-facts.ts';

const NOBODY = '+10000000000' as Phone;

/**
 * Lets every connection that answers use be opened, and read once what a call reads: otherwise the first callers of
 * a fresh process would wait for that, all at once. Rejects when the database cannot be reached.
 */
export async function warmUp({ answerDb, vault }: Deps, connections: number): Promise<void> {
  const call = {
    providerId: 0,
    accountId: '',
    providerCallId: '',
    virtualNumber: NOBODY,
    direction: 'inbound',
  } as const;
  const read = () => loadCalls(answerDb, vault, [{ ...call, caller: NOBODY, digits: '0000' }]);
  await Promise.all(Array.from({ length: connections }, read));
}
