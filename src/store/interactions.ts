import type { HangupSource } from '../core/call-report.ts';
import type { Interaction, Leg } from '../core/interaction.ts';
import type { Db } from './connect.ts';

// Of a session with more calls the newest are shown; its totals count all.
const SHOWN = 100;

/** The interactions of some sessions, oldest first, the newest hundred of each. */
export async function findInteractions(
  { sql }: Db,
  sessionIds: readonly string[],
): Promise<ReadonlyMap<string, readonly Interaction[]>> {
  const found = new Map<string, Interaction[]>();
  if (sessionIds.length === 0) return found;
  const rows = await sql<InteractionRow[]>`
    select c.session_id as "sessionId", c.direction, c.caller_side as "callerSide", ${millis(sql, 'started_at')},
      ${millis(sql, 'swept_at')}, c.is_over as "isOver", c.legs, c.billed_seconds as "billedSeconds", c.cost::text,
      ${legOf(sql, 'a')} as "legA", ${legOf(sql, 'b')} as "legB", (
        select r.recording_id from recordings r
        where r.provider_id = c.provider_id and r.provider_call_id = c.provider_call_id
        order by r.added_at desc limit 1) as "recordingId"
    from unnest(${[...sessionIds]}::uuid[]) as s(id)
    cross join lateral (
      select * from calls
      where session_id = s.id and outcome in ('connected', 'placed', 'unplaced')
      order by started_at desc limit ${SHOWN}
    ) c
    order by c.started_at, c.id`;
  for (const row of rows) found.set(row.sessionId, [...(found.get(row.sessionId) ?? []), toInteraction(row)]);
  return found;
}

/** A leg of `calls` as JSON: figures with their corrections, instants in milliseconds, money as text. */
export function legOf(sql: Db['sql'], leg: 'a' | 'b') {
  const id = leg === 'a' ? "case when c.outcome = 'unplaced' then null else c.provider_call_id end" : 'c.b_leg_id';
  const at = (name: string) => `extract(epoch from c.${leg}_${name})::float8 * 1000`;
  return sql.unsafe(`jsonb_build_object('id', ${id}, 'startedAt', ${at('started_at')}, 'ringingAt', ${at('ringing_at')},
    'answeredAt', ${at('answered_at')}, 'endedAt', ${at('ended_at')}, 'hangupCode', c.${leg}_hangup_code,
    'hangupSource', c.${leg}_hangup_source, 'seconds', coalesce(c.${leg}_seconds, 0),
    'billedSeconds', coalesce(c.${leg}_corrected_billed_seconds, c.${leg}_billed_seconds, 0),
    'rate', coalesce(c.${leg}_corrected_rate, c.${leg}_rate)::text,
    'cost', coalesce(c.${leg}_corrected_cost, c.${leg}_cost, 0)::text)`);
}

function millis(sql: Db['sql'], name: 'started_at' | 'swept_at') {
  return sql`extract(epoch from c.${sql(name)})::float8 * 1000 as ${sql(name)}`;
}

/** A leg as `legOf` gives it. */
export interface LegJson extends Pick<Leg, 'id' | 'hangupCode' | 'seconds' | 'billedSeconds' | 'cost'> {
  readonly startedAt: number | null;
  readonly ringingAt: number | null;
  readonly answeredAt: number | null;
  readonly endedAt: number | null;
  readonly hangupSource: HangupSource | null;
  readonly rate: string | null;
}

interface InteractionRow
  extends Pick<Interaction, 'direction' | 'callerSide' | 'isOver' | 'legs' | 'billedSeconds' | 'cost' | 'recordingId'> {
  readonly sessionId: string;
  readonly started_at: number;
  readonly swept_at: number | null;
  readonly legA: LegJson;
  readonly legB: LegJson;
}

function toInteraction({ sessionId: _, started_at, swept_at, legA, legB, ...same }: InteractionRow): Interaction {
  return { ...same, startedAt: new Date(started_at), sweptAt: instant(swept_at), legA: toLeg(legA), legB: toLeg(legB) };
}

/** The same with its instants. */
export function toLeg(leg: LegJson): Leg {
  return {
    ...leg,
    startedAt: instant(leg.startedAt),
    answeredAt: instant(leg.answeredAt),
    endedAt: instant(leg.endedAt),
  };
}

function instant(milliseconds: number | null): Date | null {
  return milliseconds === null ? null : new Date(milliseconds);
}
