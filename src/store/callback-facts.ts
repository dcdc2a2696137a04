import type postgres from 'postgres';

/**
 * Part of a statement: what a callback says of its call `k` and its recording `r`, as `CallbackDetails`. Corrections
 * win, and money is text, so that no decimal is lost. Phones are not in it: where they are erased, they are gone.
 */
export function callFacts(sql: postgres.Sql) {
  const leg = (l: 'a' | 'b') => {
    const of = (name: string) => sql.unsafe(`k.${l}_${name}`);
    return sql`jsonb_build_object('seconds', ${of('seconds')}, 'hangupCode', ${of('hangup_code')},
      'billedSeconds', coalesce(${of('corrected_billed_seconds')}, ${of('billed_seconds')}),
      'cost', coalesce(${of('corrected_cost')}, ${of('cost')})::text)`;
  };
  return sql`jsonb_strip_nulls(jsonb_build_object(
    'callerSide', k.caller_side,
    'hasCaller', k.caller_cipher is not null,
    'hasCallee', k.callee_cipher is not null,
    'a', ${leg('a')},
    'b', ${leg('b')},
    'total', jsonb_build_object(
      'billedSeconds', case when num_nonnulls(k.a_corrected_billed_seconds, k.a_billed_seconds,
        k.b_corrected_billed_seconds, k.b_billed_seconds) > 0 then k.billed_seconds end,
      'cost', case when num_nonnulls(k.a_corrected_cost, k.a_cost, k.b_corrected_cost, k.b_cost) > 0 then k.cost::text end),
    'recording', case when r.id is not null then jsonb_build_object(
      'recordingId', r.recording_id, 'url', r.url, 'format', r.format, 'durationMs', r.duration_ms,
      'startedAt', extract(epoch from r.started_at)::float8 * 1000,
      'endedAt', extract(epoch from r.ended_at)::float8 * 1000) end))`;
}
