import type { Db } from './connect.ts';
import { jsonRows } from './shared.ts';

/** Webhooks of a connection that were refused, since whoever sent them had not shown to be its provider. */
export interface FailureCount {
  readonly failures: number;
  readonly lastAt: Date;
}

/** Adds them to the counts of their connections, which are locked in the order of their ids. */
export async function addFailures({ sql }: Db, counted: ReadonlyMap<number, FailureCount>): Promise<void> {
  const rows = [...counted].map(([id, { failures, lastAt }]) => ({ id, failures, at: lastAt.toISOString() }));
  await sql`
    insert into signature_failures as f (provider_id, failures, last_at)
    select id, failures, at from json_to_recordset(${jsonRows(rows)}::text::json) as b(id int, failures int, at timestamptz)
    order by id
    on conflict (provider_id) do update set failures = f.failures + excluded.failures,
      last_at = greatest(f.last_at, excluded.last_at)`;
}

/** By connection; one that never had any is not in it. */
export async function readFailures({ sql }: Db, providerIds: readonly number[]): Promise<Map<number, FailureCount>> {
  const rows = await sql<{ id: number; failures: number; lastMs: number }[]>`
    select provider_id as id, failures::float8 as failures, extract(epoch from last_at)::float8 * 1000 as "lastMs"
    from signature_failures
    where provider_id in (select value::int from jsonb_array_elements_text(${JSON.stringify(providerIds)}::text::jsonb))`;
  return new Map(rows.map(({ id, failures, lastMs }) => [id, { failures, lastAt: new Date(lastMs) }]));
}
