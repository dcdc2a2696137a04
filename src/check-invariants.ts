import { runCommand, withDatabase } from './open-database.ts';
import { everyFault } from './service/operator.ts';

// The whole database is read, which takes its time.
const STATEMENT_TIMEOUT_MS = 30 * 60_000;

/**
 * Proves for the whole database that what must never be is not there: sums that differ from their calls, two live
 * leases of one phone on one number, facts without their callback and so on. Prints what is wrong; ends with 1 then.
 * It reads only, and may run beside the service.
 */
await runCommand(() =>
  withDatabase(STATEMENT_TIMEOUT_MS, async (db) => {
    const faults = await everyFault({ db });
    process.stdout.write(faults.length === 0 ? 'All invariants hold.\n' : `${faults.join('\n')}\n`);
    return faults.length === 0 ? 0 : 1;
  }),
);
