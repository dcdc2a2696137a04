import type { Deps } from '../deps.ts';
import { closeOverdueCalls, noteMissingRecordings } from '../store/call-sweeps.ts';

const BATCH = 200;
// Providers make the file when the call is over; none is known to take minutes.
const RECORDING_GRACE_SECONDS = 600;

/** Closes calls whose end was never reported, and notes recordings that never came. @returns how many of both. */
export async function sweepCalls({ db, log }: Deps): Promise<number> {
  const closed = await inBatches(() => closeOverdueCalls(db, BATCH));
  if (closed > 0) log.warn({ calls: closed }, 'call.swept');
  const missing = await inBatches(() => noteMissingRecordings(db, RECORDING_GRACE_SECONDS, BATCH));
  if (missing > 0) log.warn({ calls: missing }, 'recording.missed');
  return closed + missing;
}

async function inBatches(batch: () => Promise<number>): Promise<number> {
  let total = 0;
  for (;;) {
    const done = await batch();
    total += done;
    if (done < BATCH) return total;
  }
}
