import type { CallReport } from '../core/call-report.ts';
import type { Deps } from '../deps.ts';
import { recordReport } from '../store/call-reports.ts';
import type { Connection } from '../store/providers.ts';

// Each round is lost to another request that made the call's row in the same moment.
const ROUNDS = 5;

/**
 * Books what a provider reports of a call.
 *
 * @returns `booked`, `repeated`, or `orphan` for a call that was never asked about.
 * @throws when it could not be booked: the provider has to report it again.
 */
export async function reportCall(deps: Deps, connection: Connection, report: CallReport): Promise<{ reason: string }> {
  const { accountId, currency } = connection;
  const reporter = { providerId: connection.id, accountId, currency };
  const freshId = deps.newUuid();
  for (let round = 0; round < ROUNDS; round++) {
    const reason = await recordReport(deps.db, deps.vault, { reporter, report, freshId });
    if (reason !== 'contended') return { reason };
  }
  throw new Error('a report that was contended in every round');
}
