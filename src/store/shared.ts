import postgres from 'postgres';
import { type BatchRules, inBatches } from './batch.ts';
import { type Db, isOutage, sqlState } from './connect.ts';
import type { Vault } from './vault.ts';

// Of each verb: enough to keep the server busy while one waits for the disk or for a lock.
const AT_ONCE = 2;

/** What one verb has to say of how its callers share statements. */
export type Shared<In, Out> = Pick<BatchRules<In, Out>, 'keyOf'> & {
  readonly run: (db: Db, vault: Vault, items: readonly In[]) => Promise<readonly Out[]>;
};

/** A verb whose callers share statements, those of each pool among themselves. */
export function shared<In, Out>({ run, keyOf }: Shared<In, Out>) {
  const verbs = new WeakMap<Db, WeakMap<Vault, (item: In) => Promise<Out>>>();
  return (db: Db, vault: Vault, item: In): Promise<Out> => {
    const ofPool = verbs.get(db) ?? new WeakMap<Vault, (item: In) => Promise<Out>>();
    verbs.set(db, ofPool);
    const verb =
      ofPool.get(vault) ??
      inBatches({
        run: (items: readonly In[]) => run(db, vault, items),
        keyOf,
        isOfAll,
        culpritOf,
        most: db.batch,
        atOnce: AT_ONCE,
      });
    ofPool.set(vault, verb);
    return verb(item);
  };
}

/** A lock that is held is in the way of one item, or some: the others may be done without. */
function isOfAll(error: unknown): boolean {
  return isOutage(error) && !/^(55P03|40P01|40001)$/.test(sqlState(error) ?? '');
}

/** The function `refuse` of the database names the item, by its place in the statement. */
function culpritOf(error: unknown): number | null {
  if (!(error instanceof postgres.PostgresError && error.code === 'BA001' && error.detail)) return null;
  return Number(error.detail);
}

/** Bytes as a statement's JSON carries them. */
export function bytes(buffer: Buffer): string {
  return `\\x${buffer.toString('hex')}`;
}

/**
 * Rows as `json_to_recordset` reads them, and not the one of `jsonb`, which takes longer to read. A column that is null
 * is left out, which comes to the same: most rows have many.
 */
export function jsonRows(rows: readonly object[]): string {
  return JSON.stringify(rows.map((row) => withoutNulls(row as Readonly<Record<string, unknown>>)));
}

function withoutNulls(row: Readonly<Record<string, unknown>>): object {
  const rest: Record<string, unknown> = {};
  // Not by its entries, which are a list for each of some thirty columns.
  for (const name in row) if (row[name] !== null) rest[name] = row[name];
  return rest;
}
