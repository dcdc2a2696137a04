import type postgres from 'postgres';
import { CALL_RULES } from './invariants-calls.ts';
import { ALL_CALLBACKS_SINCE } from './invariants-edges.ts';

const PARTIES = `select s.id, s.virtual_number_id as number, p.digest, s.created_at as since,
  s.expires_at + make_interval(secs => s.cooloff_seconds) as until, s.ended_at is null and s.expires_at > now() as live,
  s.single_party from sessions s, unnest(array[s.first_party_digest, s.second_party_digest]) as p(digest)
  where p.digest is not null`;
const LIVE = 's.ended_at is null and s.expires_at > now()';
const UNTIL = 's.expires_at + make_interval(secs => s.cooloff_seconds)';
// The lease of whoever calls: the one that is no party's.
const IS_OPEN = 'not s.pin_required and num_nulls(s.first_party_digest, s.second_party_digest) = 1';

/** Each asks for the ids of what must not be there. */
const SESSION_RULES: Readonly<Record<string, string>> = {
  'I1 two live sessions of one party on one number': `with p as (${PARTIES})
    select a.id from p a join p b using (number, digest) where a.id < b.id and a.live and b.live`,
  // The place's whole past. A party that was added later has not been there since the session began.
  'I1 a session began on a place before the hold of another had run out': `with p as (${PARTIES})
    select a.id from p a join p b using (number, digest)
    where a.id < b.id and a.since < b.until and b.since < a.until and not a.single_party and not b.single_party`,
  'I1 two live single-party sessions without PIN on one number': `select virtual_number_id as id from sessions s
    where ${LIVE} and ${IS_OPEN} group by 1 having count(*) > 1`,
  'I1 a single-party session without PIN beside PIN sessions': `select s.id from sessions s join sessions o
    using (virtual_number_id) where ${LIVE} and o.ended_at is null and o.expires_at > now() and ${IS_OPEN} and o.pin_required`,
  'I2 a live session without its two PINs': `select s.id from sessions s where ${LIVE}
    and (select count(*) from pins p where p.session_id = s.id and p.virtual_number_id = s.virtual_number_id and p.held_until = ${UNTIL})
      <> case when s.pin_required then 2 else 0 end`,
  'I3 a live session with another number of leases than it needs': `select s.id from sessions s where ${LIVE}
    and (select count(*) from leases l where l.session_id = s.id and l.virtual_number_id = s.virtual_number_id and l.held_until = ${UNTIL})
      <> num_nonnulls(s.first_party_digest, s.second_party_digest) + (${IS_OPEN})::int`,
  'I3 a live session whose party has no lease': `with p as (${PARTIES}) select p.id from p where p.live and not exists (
    select from leases l where l.session_id = p.id and l.virtual_number_id = p.number and l.party_digest = p.digest)`,
  'I3 a hold that outlives its session and cool-off': `select s.id from sessions s where exists (
      select from leases l where l.session_id = s.id and l.held_until > ${UNTIL})
    or exists (select from pins p where p.session_id = s.id and p.held_until > ${UNTIL})`,
  'I4 a session with itself': 'select id from sessions where first_party_digest = second_party_digest',
  'I7 a call connected outside the life of its session': `select c.id from calls c join sessions s on s.id = c.session_id
    where c.outcome = 'connected' and (c.decided_at < s.created_at or c.decided_at >= s.expires_at)`,
  'I9 a call connected in a PIN session without its callback': `select c.id from calls c join sessions s on s.id = c.session_id
    where c.outcome = 'connected' and s.pin_required and s.callback_url <> ''
      and not exists (select from callbacks b where b.call_id = c.id and b.session_id = s.id)`,
  'I9 an ended session without exactly one SessionTimeout': `select s.id from sessions s
    where (select count(*) from callbacks c where c.session_id = s.id and c.event = 'SessionTimeout')
      <> case when s.ended_at is not null and s.callback_url <> '' then 1 else 0 end
      and (s.ended_at is null or s.ended_at >= ${ALL_CALLBACKS_SINCE})`,
  // A call that runs on may be told of; nobody is connected, and no PIN is taken, any more.
  'I9 a call connected, or a PIN taken, after the SessionTimeout': `select t.session_id as id from callbacks t
    join callbacks c using (session_id) left join calls k on k.id = c.call_id
    where t.event = 'SessionTimeout' and c.sequence > t.sequence and (c.event = 'SessionPinAuthenticationStatus'
      or k.direction = 'inbound' and c.event = case k.caller_side when 'first' then 'SessionFirstPartyAnswer' else 'SessionSecondPartyAnswer' end)`,
  'I9 a sequence number twice, or never counted': `select c.id from callbacks c join sessions s on s.id = c.session_id
    where c.sequence not between 1 and s.callback_sequence or exists (
      select from callbacks o where o.session_id = c.session_id and o.sequence = c.sequence and o.id <> c.id)`,
  'I9 a callback of no session': 'select id from callbacks where session_id not in (select id from sessions)',
  'I13 something on a number of another account': `
    select s.id from sessions s join virtual_numbers v on v.id = s.virtual_number_id where v.account_id <> s.account_id
    union all select l.session_id from leases l join sessions s on s.id = l.session_id where l.virtual_number_id <> s.virtual_number_id
    union all select c.id from callbacks c join sessions s on s.id = c.session_id where c.account_id <> s.account_id
    union all select c.id from calls c join sessions s on s.id = c.session_id where c.account_id <> s.account_id`,
};

const OVERDUE = "select id from sessions where ended_at is null and expires_at < now() - interval '6 seconds'";

/**
 * What is wrong in a database, one line for each broken rule; `[]` where all is well.
 *
 * @param options.workersLive asks as well that no session is overdue to be announced.
 */
export async function invariantFaults(sql: postgres.Sql, options: { workersLive?: boolean } = {}): Promise<string[]> {
  const rules = {
    ...SESSION_RULES,
    ...CALL_RULES,
    ...(options.workersLive && { 'I14 an overdue session': OVERDUE }),
  };
  return brokenRules(sql, rules);
}

/** A line for each rule that something breaks. */
export async function brokenRules(sql: postgres.Sql, rules: Readonly<Record<string, string>>): Promise<string[]> {
  const faults: string[] = [];
  for (const [rule, query] of Object.entries(rules)) {
    const rows = await sql.unsafe(query);
    if (rows.length > 0) faults.push(`${rule}: ${rows.length}, e.g. ${rows[0]?.id}`);
  }
  return faults;
}
