import type { Deps } from '../deps.ts';
import { addFailures, type FailureCount } from '../store/signature-failures.ts';

/**
 * How many webhooks of each connection were refused. Counted in memory and added to what is stored by the clock: whoever
 * sends wrong signatures, however many, makes nobody ask the database.
 */
export interface FailureLog {
  /** Never waits. */
  record(providerId: number, at: Date): void;
  /** Adds what was counted here to what is stored. */
  flush(): Promise<void>;
}

export function startFailureLog({ db }: Pick<Deps, 'db'>): FailureLog {
  let counted = new Map<number, FailureCount>();

  function add(providerId: number, { failures, lastAt }: FailureCount): void {
    const before = counted.get(providerId);
    const isLater = before !== undefined && before.lastAt > lastAt;
    counted.set(providerId, {
      failures: (before?.failures ?? 0) + failures,
      lastAt: isLater ? before.lastAt : lastAt,
    });
  }

  return {
    record: (providerId, lastAt) => add(providerId, { failures: 1, lastAt }),
    async flush() {
      const batch = counted;
      if (batch.size === 0) return;
      counted = new Map();
      try {
        await addFailures(db, batch);
      } catch (error) {
        for (const [providerId, count] of batch) add(providerId, count);
        throw error;
      }
    },
  };
}
