import type { Phone } from '../core/phone.ts';
import type { Deps } from '../deps.ts';
import { loadCalls } from '../store/call-facts.ts';
import { isReady } from './health.ts';

const NOBODY = '+10000000000' as Phone;

/**
 * Lets as many of the connections that answers use be opened, and reads once by each what a call reads: otherwise the
 * first callers of a fresh process would wait for that, all at once. Opens what readiness is asked by, too. Rejects when
 * the database cannot be reached.
 */
export async function warmUp(deps: Deps, connections: number): Promise<void> {
  await Promise.all([isReady(deps), readOnEach(deps, connections)]);
}

/**
 * The same for the rest of them, while it answers already: one after the other, so that callers wait behind one at most.
 *
 * @param goesOn asked before each.
 */
export async function warmUpRest(deps: Deps, from: number, to: number, goesOn: () => boolean): Promise<void> {
  for (let open = from + 1; open <= to && goesOn(); open++) await readOnEach(deps, open);
}

async function readOnEach({ answerDb, vault }: Deps, connections: number): Promise<void> {
  const call = {
    providerId: 0,
    accountId: '',
    providerCallId: '',
    virtualNumber: NOBODY,
    direction: 'inbound',
  } as const;
  const pin = vault.pinDigest(NOBODY, '0000');
  const read = () => loadCalls(answerDb, vault, [{ ...call, caller: NOBODY, pin }]);
  await Promise.all(Array.from({ length: connections }, read));
}
