import type { Deps } from '../deps.ts';
import { isOutage as isDatabaseOutage } from '../store/connect.ts';
import { isMigrated } from '../store/migrate.ts';

/** True when a failure says nothing about the request, only that the database is out of reach for now. */
export function isOutage(error: unknown): boolean {
  return isDatabaseOutage(error);
}

const PROBE_MS = 1000;

/** True when the database answers within a second and is as migrated as this build needs it. Never rejects. */
export async function isReady({ watchDb }: Deps): Promise<boolean> {
  const probe = isMigrated(watchDb).catch(() => false);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, PROBE_MS, false);
  });
  return Promise.race([probe, late]).finally(() => clearTimeout(timer));
}
